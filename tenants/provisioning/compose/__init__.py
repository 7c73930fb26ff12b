"""The `compose` driver: an installation of its own for each environment (docs/writing-a-driver.md)."""

from tenants.provisioning.compose.driver import ComposeDriver

__all__ = ["ComposeDriver"]

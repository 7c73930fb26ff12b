"""The pages of who runs the installation, below `/platform/`."""

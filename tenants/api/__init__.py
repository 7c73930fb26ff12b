"""The control plane over HTTP: parse, ask a service, render (contract: identity, control plane)."""

"""The data plane over HTTP: parse, call the use case, render."""

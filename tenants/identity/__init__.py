"""Who may call: keys, tokens and clients, without Django (contract: identity)."""

"""How pages write moments (setting FORMAT_MODULE_PATH)."""

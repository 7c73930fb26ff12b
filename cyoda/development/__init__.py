"""Developer mode: the platform on one machine, and the member of a folder that is restarted as its code changes."""

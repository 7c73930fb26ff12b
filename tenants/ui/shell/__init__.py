"""What stands around every page: the start page, the way to environments, search, help, the cluster, preferences."""

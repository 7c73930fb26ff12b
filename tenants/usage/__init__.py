"""What environments use: counted on nodes, measured by workers, shown against limits, and told when a limit is near."""

"""Use cases of the control plane: returned means committed, raised means nothing happened."""

"""Pages about workflows: what is in force, its versions, imports, simulation, and drafts with their forms."""

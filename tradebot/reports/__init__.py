"""What is said about runs, from the journal alone."""

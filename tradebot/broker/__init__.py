"""Where approved orders go: the simulated exchange, or one outside the process."""

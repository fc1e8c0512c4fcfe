"""Risk: ceilings in code, the gate that approves orders, the monitor that reacts."""

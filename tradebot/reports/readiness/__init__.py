"""What a strategy has shown, by the audit chain: stretches that count, and the gates that they open."""

"""Everything that formats for people."""

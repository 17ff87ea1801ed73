"""What the tool costs: calls, seconds, CPU and memory. `make bench` writes docs/performance.md."""

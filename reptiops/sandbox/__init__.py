"""An embedded AWS for people without an account: moto in a process of its own, its gaps filled."""

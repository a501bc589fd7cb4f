"""Nets and solvers: their description, rendering and reading, and running a deploy net."""

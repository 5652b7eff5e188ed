"""What is tried on machines, in browsers and over time, and what is kept of it as evidence."""

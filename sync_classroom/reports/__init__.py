"""Charts and documents drawn from domain figures."""

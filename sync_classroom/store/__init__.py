"""Tables, queries and migrations over SQLite or PostgreSQL, and the Redis bus."""

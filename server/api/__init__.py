"""HTTP: the same commands as the socket, besides reading, orders, payments and operation."""

"""Makes and connects all services. Only this package and cli/ may import all others."""

"""The application framework: services, their collections and what runs them."""

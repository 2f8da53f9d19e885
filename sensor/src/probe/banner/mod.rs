//! What a service greets with: HTTP, TLS, SSH and any other text.

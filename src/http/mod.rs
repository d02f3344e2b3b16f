//! The HTTP server: routing, authentication, request decoding, JSON and CSV encoding, streaming. Knows nothing of storage.

//! Block codecs: pure encoders and decoders of columns. Each format is described to the bit in `spec/storage.md`.

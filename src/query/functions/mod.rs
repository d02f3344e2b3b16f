//! The functions of InfluxQL, one file for each family, and their registry.

//! Settings in InfluxDB's configuration format.

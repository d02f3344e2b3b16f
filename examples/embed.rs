//! Starts a server inside of this process, writes a point, queries it and prints the answer, as a test of a client would:
//!
//!     cargo run --example embed
//!
//! Uses only the standard library as a client; any HTTP client will do.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use fluxstone::Server;

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::ephemeral()?;
    println!("listening on {}", server.url());

    request(server.address(), "POST", "/query?q=CREATE+DATABASE+weather", "")?;
    request(server.address(), "POST", "/write?db=weather", "air,city=Oslo celsius=21.5 1488327378000000000")?;
    let answer = request(server.address(), "GET", "/query?db=weather&q=SELECT+*+FROM+air", "")?;
    println!("{answer}");

    let row = r#""columns":["time","celsius","city"],"values":[["2017-03-01T00:16:18Z",21.5,"Oslo"]]"#;
    assert!(answer.contains(row), "the answer holds the point");
    // The server stops, and removes its data, when it is dropped here.
    Ok(())
}

/// Sends a request and returns the answer, with its head.
fn request(server: SocketAddr, method: &str, target: &str, body: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(server)?;
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 20") { Ok(answer) } else { Err(answer.into()) }
}

//! The load generator: keep-alive connections written by hand, so that it costs little beside what it measures.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Outcome, fill::Target};

/// One keep-alive connection, written by hand so that the generator costs little.
pub struct Client {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
    head: usize,
}

/// What an answer's head says.
struct Head {
    status: u16,
    length: usize,
    chunked: bool,
}

impl Head {
    fn parse(head: &[u8]) -> Outcome<Self> {
        let text = std::str::from_utf8(head)?;
        let status = text.split(' ').nth(1).ok_or("no status line")?.parse::<u16>()?;
        let (mut length, mut chunked) = (0_usize, false);
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = true;
            }
        }
        Ok(Self { status, length, chunked })
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, buffer: Vec::with_capacity(128 * 1024), head: 0 })
    }

    async fn more(&mut self) -> Outcome {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    /// A connection that has waited too long for its turn is closed by the server, and opened anew.
    async fn ask(&mut self, request: &str) -> Outcome {
        for is_last in [false, true] {
            self.buffer.clear();
            let sent = self.stream.write_all(request.as_bytes()).await.is_ok();
            if sent && self.stream.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0) {
                return Ok(());
            }
            if !is_last {
                self.stream = TcpStream::connect(self.address).await?;
                self.stream.set_nodelay(true)?;
            }
        }
        Err("the server closed the connection".into())
    }

    async fn send(&mut self, request: &str) -> Outcome<u16> {
        self.ask(request).await?;
        self.head = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = Head::parse(self.buffer.get(..self.head).unwrap_or_default())?;
        if head.chunked {
            while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
                self.more().await?;
            }
        } else {
            while self.buffer.len() < self.head + head.length {
                self.more().await?;
            }
        }
        Ok(head.status)
    }

    /// A field of the answer's head.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(self.buffer.get(..self.head)?).ok()?;
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn body(&self) -> String {
        String::from_utf8_lossy(self.buffer.get(self.head..).unwrap_or_default()).into_owned()
    }

    /// Asks for a page; answers its status.
    pub async fn get(&mut self, path: &str, cookie: &str) -> Outcome<u16> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: kp_session={cookie}\r\nSec-Fetch-Site: same-origin\r\nAccept: text/html\r\n\r\n",
            self.address
        );
        self.send(&request).await
    }

    /// Sends a form, as if from `from` when the server believes that; answers the status.
    pub async fn post(&mut self, path: &str, cookie: &str, from: &str, form: &str) -> Outcome<u16> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nCookie: kp_session={cookie}\r\nX-Forwarded-For: {from}\r\nSec-Fetch-Site: same-origin\r\nAccept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        );
        self.send(&request).await
    }

    pub async fn page(&mut self, target: &Target) -> Outcome {
        match self.get(&target.path, &target.cookie).await? {
            200 => Ok(()),
            status => Err(format!("GET {}: {status} {}", target.path, self.body()).into()),
        }
    }

    /// The form of the page just read, with the decision.
    pub async fn decide(&mut self, target: &Target, typed: &str) -> Outcome {
        let seen = hidden(&self.body(), "visat");
        let revision = hidden(&self.body(), "revision");
        let form = format!("revision={revision}&beslut=attestera&losenord={typed}&visat={seen}");
        let path = target.path.split('?').next().unwrap_or_default();
        match self.post(path, &target.cookie, "127.0.0.1", &form).await? {
            303 => Ok(()),
            status => Err(format!("POST {}: {status} {}", target.path, self.body()).into()),
        }
    }
}

/// The value of a hidden field; empty when there is none.
pub fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    page.split_once(&mark).and_then(|(_, rest)| rest.split('"').next()).unwrap_or("").to_owned()
}

/// Reads pages until the time is up.
pub async fn read_for(
    address: SocketAddr,
    targets: Arc<Vec<Target>>,
    (first, step): (usize, usize),
    span: Duration,
) -> Outcome<Vec<Duration>> {
    let mut client = Client::connect(address).await?;
    let mut latencies = Vec::new();
    let started = Instant::now();
    for target in targets.iter().cycle().skip(first).step_by(step) {
        if started.elapsed() >= span {
            break;
        }
        let asked = Instant::now();
        client.page(target).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// What was measured of one server.
#[derive(Clone, Default)]
pub struct Sample {
    pub latencies: Vec<Duration>,
    pub busy: Duration,
    /// Processor time of the server.
    pub server: Duration,
    /// Processor time of PostgreSQL.
    pub database: Duration,
}

impl Sample {
    pub fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.busy += other.busy;
        self.server += other.server;
        self.database += other.database;
    }

    fn count(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)).max(1.0)
    }

    pub fn per_second(&self) -> f64 {
        self.count() / self.busy.as_secs_f64().max(0.001)
    }

    /// Milliseconds of processor time for each request: the server's and PostgreSQL's.
    pub fn cpu(&self) -> (f64, f64) {
        let each = |whole: Duration| whole.as_secs_f64() * 1000.0 / self.count();
        (each(self.server), each(self.database))
    }

    /// Milliseconds that so many in a hundred stayed within.
    pub fn within(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

//! The servers as processes of their own, and what the system says of them.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};

use crate::{Outcome, POOL, load::Client};

/// Protects only people made up for the measurement.
pub const SECRET: &str = "only made-up people are measured, only made-up people";
/// Longest wait for a server to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that was started here and is ended with this program.
pub struct Server {
    child: Child,
    pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// From start to the first answer.
    pub started: Duration,
}

impl Server {
    /// The real program as in production, its log lines to nowhere.
    pub async fn portal(program: &Path, url: &str) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .env("DATABASE_URL", url)
            .env("KUNDPORTAL_SECRET", SECRET)
            .env("KUNDPORTAL_LISTEN", address.to_string())
            .env("KUNDPORTAL_BASE_URL", format!("http://{address}"))
            .env("KUNDPORTAL_POOL_SIZE", POOL.to_string())
            // So that sign-ins come from many addresses: one alone is held back.
            .env("KUNDPORTAL_TRUSTED_PROXIES", "127.0.0.1")
            .env("KUNDPORTAL_DRAIN_SECONDS", "0")
            // Those measured signed in with a password alone: the step is not what is measured.
            .env("KUNDPORTAL_SECOND_STEP", "offered")
            .env("KUNDPORTAL_METRICS_LISTEN", free_address()?.to_string());
        Self::start(command, address, "/logga-in").await
    }

    /// The bare server.
    pub async fn ceiling(url: &str) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--ceiling").arg(url).arg("--listen").arg(address.to_string());
        Self::start(command, address, "/").await
    }

    async fn start(mut command: Command, address: SocketAddr, first: &str) -> Outcome<Self> {
        let at = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let pid = child.id().ok_or("the server ended at once")?;
        loop {
            if let Ok(mut client) = Client::connect(address).await
                && client.get(first, "").await? == 200
            {
                return Ok(Self { child, pid, address, started: at.elapsed() });
            }
            if at.elapsed() > PATIENCE {
                return Err(format!("no server at {address}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Processor time it has used.
    pub fn cpu(&self) -> Outcome<Duration> {
        own_cpu(self.pid)
    }

    /// Resident memory, as the system writes it.
    pub fn memory(&self) -> Outcome<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(memory.trim().to_owned())
    }

    /// Ends it and waits.
    pub async fn stop(mut self) -> Outcome {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The fields of `/proc/<pid>/stat` after the name, which may hold spaces; the first is field 3.
fn stat(pid: u32) -> Outcome<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = text.rsplit_once(") ").ok_or("unknown form of /proc/…/stat")?;
    Ok(rest.split(' ').map(str::to_owned).collect())
}

fn ticks(stat: &[String], field: usize) -> Outcome<u64> {
    Ok(stat.get(field - 3).ok_or("too few fields in /proc/…/stat")?.trim().parse()?)
}

/// Linux counts 100 ticks a second for programs, whatever its own clock does.
fn from_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 10)
}

fn own_cpu(pid: u32) -> Outcome<Duration> {
    let stat = stat(pid)?;
    Ok(from_ticks(ticks(&stat, 14)? + ticks(&stat, 15)?))
}

/// Processor time of PostgreSQL: the server and all its backends, those that have ended too.
pub fn database_cpu(server: u32) -> Outcome<Duration> {
    let own = stat(server)?;
    let mut sum = own_cpu(server)? + from_ticks(ticks(&own, 16)? + ticks(&own, 17)?);
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while we look.
        let Ok(fields) = stat(pid) else { continue };
        if ticks(&fields, 4)? == u64::from(server) {
            sum += from_ticks(ticks(&fields, 14)? + ticks(&fields, 15)?);
        }
    }
    Ok(sum)
}

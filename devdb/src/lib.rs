//! A private PostgreSQL for `kundportal demo` and for the tests: a real server on a unix socket, no TCP, no port.
//!
//! It is a crate of its own so that a query that no longer compiles can never stop the database from starting.
//! The server lives exactly as long as the process that started it: a small shell waits on a pipe that the
//! kernel closes when that process ends, however it ends, and then stops the server. PostgreSQL refuses to run
//! as root, so a root caller runs it as the `postgres` account, else `nobody`.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::{Child, ChildStdin, Command};

/// Oldest major version the SQL is written for.
const OLDEST: u32 = 15;
/// How long a start may take, crash recovery included.
const STARTUP: Duration = Duration::from_secs(60);
/// `$0` is the server and `$@` its arguments; `cat` ends when our end of the pipe closes.
const GUARD: &str = r#""$0" "$@" & p=$!; cat >/dev/null; kill -INT $p 2>/dev/null; wait $p; [ -z "$DEVDB_REMOVE" ] || rm -rf "$DEVDB_REMOVE""#;

/// Why the private server did not start.
#[derive(Debug)]
pub enum Error {
    /// No PostgreSQL 15 or newer is installed where we look.
    NotFound,
    /// The data folder was made by another major version.
    WrongVersion(PathBuf),
    /// Another process holds the same data folder.
    Busy(PathBuf),
    /// `initdb` or the server ended with this text.
    Failed(&'static str, String),
    /// The server did not answer in time; the path is its log.
    Timeout(PathBuf),
    /// The file system said no.
    Io(io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => write!(
                f,
                "no PostgreSQL {OLDEST} or newer found; install it (Debian: apt-get install postgresql), \
                 point KUNDPORTAL_PG_BIN at its programs, or set DATABASE_URL"
            ),
            Self::WrongVersion(dir) => write!(
                f,
                "{} was made by another major version of PostgreSQL; move it away or set KUNDPORTAL_PG_BIN",
                dir.display()
            ),
            Self::Busy(dir) => write!(f, "another process is using {}", dir.display()),
            Self::Failed(program, text) => write!(f, "{program} failed: {text}"),
            Self::Timeout(log) => {
                write!(f, "the server did not answer within {STARTUP:?}; see {}", log.display())
            }
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A running private server. Dropping it stops the server; [`PrivateServer::stop`] also waits.
pub struct PrivateServer {
    bin: PathBuf,
    root: PathBuf,
    socket: PathBuf,
    run_as: Option<(u32, u32)>,
    process: Option<(Child, ChildStdin)>,
    _lock: File,
}

impl PrivateServer {
    /// Starts a server whose data in `dir` is kept between runs.
    ///
    /// # Errors
    /// See [`Error`]; `Busy` when another process uses the same folder.
    pub async fn start(dir: &Path) -> Result<Self, Error> {
        Self::launch(dir, false).await
    }

    /// Starts a server for one test process, in memory where the system offers that, removed afterwards.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start_throwaway(name: &str) -> Result<Self, Error> {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        Self::launch(&base.join(format!("kundportal-{name}-{}", std::process::id())), true).await
    }

    /// The address of database `name` for login role `user`.
    #[must_use]
    pub fn url(&self, user: &str, name: &str) -> String {
        let socket = self.socket.display().to_string().replace('/', "%2F");
        format!("postgres://{user}@localhost/{name}?host={socket}")
    }

    /// The process id of the database server itself, for crash drills.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Stops the server and waits until it is gone.
    ///
    /// # Errors
    /// When the process can't be waited for.
    pub async fn stop(mut self) -> Result<(), Error> {
        if let Some((mut child, pipe)) = self.process.take() {
            drop(pipe);
            child.wait().await?;
        }
        Ok(())
    }

    async fn launch(dir: &Path, throwaway: bool) -> Result<Self, Error> {
        let bin = find_programs().ok_or(Error::NotFound)?;
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let run_as = if effective_uid(&dir)? == 0 {
            Some(account("postgres").or_else(|| account("nobody")).ok_or(Error::NotFound)?)
        } else {
            None
        };
        let lock = File::create(dir.join("lock"))?;
        lock.try_lock().map_err(|_| Error::Busy(dir.clone()))?;
        let mut hasher = DefaultHasher::new();
        dir.hash(&mut hasher);
        let name = format!("kundportal-{:016x}", hasher.finish());
        // A checkout below /root is closed to the server's account.
        let root = if run_as.is_some() && !throwaway { PathBuf::from("/var/tmp").join(&name) } else { dir };
        // A socket path holds at most 107 bytes; this leaves room for the file name.
        let socket =
            if root.as_os_str().len() < 80 { root.clone() } else { std::env::temp_dir().join(&name) };
        for folder in [&root, &socket] {
            fs::create_dir_all(folder)?;
            if let Some((uid, gid)) = run_as {
                chown(folder, Some(uid), Some(gid))?;
            }
            fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        let mut server = Self { bin, root, socket, run_as, process: None, _lock: lock };
        match fs::read_to_string(server.data().join("PG_VERSION")) {
            Ok(version) if version.trim().parse().ok() != major(&server.bin) => {
                return Err(Error::WrongVersion(server.data()));
            }
            Ok(_) => {}
            Err(_) => server.initialise().await?,
        }
        server.spawn(throwaway).await?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = std::process::Command::new(program);
        if let Some((uid, gid)) = self.run_as {
            command.uid(uid).gid(gid); // std also clears the supplementary groups
        }
        if !self.bin.starts_with("/usr") {
            let mut libraries = OsString::from(self.bin.join("../lib"));
            if let Some(old) = std::env::var_os("LD_LIBRARY_PATH") {
                libraries.push(":");
                libraries.push(old);
            }
            command.env("LD_LIBRARY_PATH", libraries);
        }
        // A group of its own: Ctrl-C reaches us, and we stop the server in order.
        command.current_dir("/").env("LC_ALL", "C.UTF-8").env("TZ", "UTC").process_group(0);
        command.into()
    }

    /// A folder that a kill left half made has no `PG_VERSION` we can trust, so it is made anew elsewhere and moved in.
    async fn initialise(&self) -> Result<(), Error> {
        let fresh = self.root.join("data.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        let output = self
            .command(&self.bin.join("initdb"))
            .arg("-D")
            .arg(&fresh)
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-instructions"])
            .arg("--no-sync")
            .stdin(Stdio::null())
            .output()
            .await?;
        if !output.status.success() {
            return Err(Error::Failed("initdb", String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        fs::rename(fresh, self.data())?;
        Ok(())
    }

    async fn spawn(&mut self, throwaway: bool) -> Result<(), Error> {
        let log = File::create(self.log())?;
        let mut command = self.command(Path::new("/bin/sh"));
        command.arg("-c").arg(GUARD).arg(self.bin.join("postgres")).arg("-D").arg(self.data());
        // On the command line at every start, so that a moved checkout or a newer program never meets stale settings.
        let socket = format!("unix_socket_directories={}", self.socket.display());
        let always = [
            "listen_addresses=",
            &socket,
            "unix_socket_permissions=0700",
            "max_connections=200",
            "shared_buffers=128MB",
            "jit=off",
            "timezone=UTC",
            "log_min_messages=warning",
        ];
        let fast = ["fsync=off", "full_page_writes=off", "autovacuum=off", "synchronous_commit=off"];
        for setting in always.into_iter().chain(fast.into_iter().filter(|_| throwaway)) {
            command.arg("-c").arg(setting);
        }
        if throwaway {
            command.env("DEVDB_REMOVE", &self.root);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let pipe = child.stdin.take().ok_or_else(|| io::Error::other("the guard has no input"))?;

        self.process = Some((child, pipe));
        self.wait_until_ready().await
    }

    /// The server writes its state on line 8 of its pid file; line 3 is the start time, which tells an old file apart.
    async fn wait_until_ready(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let began = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs());
        while started.elapsed() < STARTUP {
            if let Some((child, _)) = &mut self.process
                && child.try_wait()?.is_some()
            {
                return Err(Error::Failed("postgres", fs::read_to_string(self.log()).unwrap_or_default()));
            }
            let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            let mut lines = text.lines();
            let epoch: u64 = lines.nth(2).and_then(|line| line.trim().parse().ok()).unwrap_or(0);
            let ready = lines.nth(4).is_some_and(|line| line.trim() == "ready");
            if ready && epoch + 2 >= began {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(Error::Timeout(self.log()))
    }
}

fn has_server(dir: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|name| dir.join(name).is_file())
}

fn major(bin: &Path) -> Option<u32> {
    let output = std::process::Command::new(bin.join("postgres"))
        .arg("--version")
        .env("LD_LIBRARY_PATH", bin.join("../lib"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn find_programs() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("KUNDPORTAL_PG_BIN").map(PathBuf::from) {
        return has_server(&dir).then_some(dir);
    }
    let mut fixed: Vec<(u32, PathBuf)> =
        ["/usr/lib/postgresql", "/usr/local", "/opt/homebrew/opt", "/usr/local/opt"]
            .iter()
            .filter_map(|root| fs::read_dir(root).ok())
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version =
                    name.trim_start_matches("postgresql@").trim_start_matches("pgsql-").parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
    fixed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path)
        .filter_map(|dir| Some(fs::canonicalize(dir.join("initdb")).ok()?.parent()?.to_path_buf()))
        .collect();
    let local = PathBuf::from(".tools/postgres/bin");
    fixed
        .into_iter()
        .map(|(_, dir)| dir)
        .chain(on_path)
        .chain([local])
        .find(|dir| has_server(dir) && major(dir).is_some_and(|version| version >= OLDEST))
}

fn account(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Our effective user id, read off a file that we create: std has no call for it.
fn effective_uid(dir: &Path) -> io::Result<u32> {
    let probe = dir.join(".uid");
    let uid = File::create(&probe)?.metadata()?.uid();
    fs::remove_file(probe)?;
    Ok(uid)
}

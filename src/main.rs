//! The command line: `kundportal demo | serve | worker | migrate | seed | check | user`.

use clap::{Parser, Subcommand};
use kundportal::{command, config::Config};

#[derive(Parser)]
#[command(version, about = "Kundportalen: care providers order national e-health services from Inera")]
struct Cli {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything in one process on a private database, with made-up people and a mail viewer.
    Demo,
    /// Serves the portal.
    Serve,
    /// Sends mail, reminders and lapses.
    Worker,
    /// Brings the database up to this program's schema.
    Migrate,
    /// Loads the reference data of `data/`; does nothing for files that are loaded already.
    Seed,
    /// Checks settings, database roles, row security and the audit chains.
    Check,
    /// Adds a person to an organisation and prints a one-time password.
    User {
        /// E-mail address to sign in with.
        email: String,
        /// Full name.
        name: String,
        /// Organisation number, or `inera`.
        organisation: String,
        /// Roles, for example `support` or `administrator,orderer`.
        #[arg(value_delimiter = ',')]
        roles: Vec<String>,
    },
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    // Threads that hash passwords go away soon after, and their memory with them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(std::time::Duration::from_secs(2))
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kundportal: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Box<dyn std::error::Error>> {
    match cli.command {
        Command::Demo => command::demo(cli.config).await,
        Command::Serve => command::serve(cli.config).await,
        Command::Worker => command::worker(cli.config).await,
        Command::Migrate => command::migrate(cli.config).await,
        Command::Seed => command::seed(cli.config).await,
        Command::Check => command::check(cli.config).await,
        Command::User { email, name, organisation, roles } => {
            command::add_user(cli.config, &email, &name, &organisation, &roles).await
        }
    }
}

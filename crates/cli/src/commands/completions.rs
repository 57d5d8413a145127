//! `ghostdet completions`.

use clap::CommandFactory;
use clap_complete::Shell;
use ghostdet::Result;

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ghostdet completions bash > ~/.local/share/bash-completion/completions/ghostdet
  ghostdet completions fish > ~/.config/fish/completions/ghostdet.fish")]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    pub fn run<C: CommandFactory>(&self) -> Result<bool> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut C::command(), "ghostdet", &mut script);
        crate::options::print(String::from_utf8_lossy(&script).trim_end())?;
        Ok(true)
    }
}

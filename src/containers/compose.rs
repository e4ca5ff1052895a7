//! Docker Compose as a command: which of its forms answers, its arguments, what it says of a project's services.
//! Knows no step.

mod act;
mod health;
mod record;
mod service;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::core::model::outcome::{Failure, Fault};
use crate::core::model::units::TimeSpan;
use crate::process::command_context::{CommandContext, CommandError, LastLines, last_line};
use crate::process::{self, Command, Exit};

pub use health::Check;
pub use record::{ComposeRecord, Raising};
pub use service::{Service, Standing};

/// Between two checks of services that are not up yet.
const PAUSE: Duration = Duration::from_millis(250);
/// Seconds that containers get between SIGTERM and SIGKILL where a `down` must be quick.
const QUICK: u64 = 5;

/// Compose, found on first use.
#[derive(Debug, Default)]
pub struct Compose {
    found: OnceCell<Form>,
}

/// The forms in which Compose comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `docker compose`, the plugin.
    Plugin,
    /// `docker-compose`, version 2 as a program of its own.
    Standalone,
    /// `podman compose`.
    Podman,
}

impl Form {
    const ALL: [Form; 3] = [Form::Plugin, Form::Standalone, Form::Podman];

    /// The words it is called by.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Form::Plugin => &["docker", "compose"],
            Form::Standalone => &["docker-compose"],
            Form::Podman => &["podman", "compose"],
        }
    }

    /// Questions that only a working one answers: the tool itself, and the engine behind it.
    fn questions(self) -> [&'static [&'static str]; 2] {
        match self {
            Form::Plugin => {
                [&["docker", "compose", "version"], &["docker", "version", "--format", "{{.Server.Version}}"]]
            }
            Form::Standalone => [&["docker-compose", "version"], &["docker-compose", "ls", "--quiet"]],
            Form::Podman => {
                [&["podman", "compose", "version"], &["podman", "info", "--format", "{{.Version.Version}}"]]
            }
        }
    }
}

/// Which project is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// Its files, absolute, later ones over earlier ones.
    pub files: Vec<PathBuf>,
    /// Its name; else Compose takes that of the file or its folder.
    pub name: Option<String>,
    /// Profiles that are switched on.
    pub profiles: Vec<String>,
    /// Files with variables for the files.
    pub env_files: Vec<PathBuf>,
}

/// How a project is brought up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Up {
    /// Services, with what they need; all where none is named.
    pub services: Vec<String>,
    /// Builds images first, even those that are there.
    pub build: bool,
    /// Recreates containers, even if nothing changed.
    pub recreate: bool,
    /// Leaves out what the services need.
    pub no_deps: bool,
    /// How long the services may take to be healthy once they were started.
    pub within: Duration,
}

/// How a project is taken down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Down {
    /// Its named volumes too.
    pub volumes: bool,
    /// Containers of services that its files no longer name.
    pub orphans: bool,
    /// Images that it built and gave no name of their own.
    pub images: bool,
    /// Containers get little time to end.
    pub quick: bool,
}

impl Compose {
    /// Touches nothing yet.
    pub fn new() -> Self {
        Compose::default()
    }

    /// The first form that answers; one that does not is asked again next time.
    ///
    /// # Errors
    /// [`Fault`] of kind environment that says what each said.
    pub async fn form(&self, call: &CommandContext<'_>) -> Result<Form, Fault> {
        self.found.get_or_try_init(|| find(call)).await.copied()
    }

    /// Brings a project up and waits until its services are healthy, or run where they have no health check, or have
    /// ended with exit code 0.
    ///
    /// # Errors
    /// A failure that names the service that did not get there.
    pub async fn up(
        &self,
        project: &Project,
        up: &Up,
        call: &CommandContext<'_>,
    ) -> Result<Vec<Service>, CommandError> {
        let form = self.form(call).await?;
        let mut args = vec!["up".to_owned(), "--detach".to_owned(), "--remove-orphans".to_owned()];
        for (flag, wanted) in [("--build", up.build), ("--force-recreate", up.recreate), ("--no-deps", up.no_deps)] {
            args.extend(wanted.then(|| flag.to_owned()));
        }
        args.extend(up.services.iter().cloned());
        run(form, project, &args, call).await?;
        self.settled(project, &up.services, up.within, call).await
    }

    /// Waits until services are healthy, or run where they have no health check, or have ended with exit code 0.
    async fn settled(
        &self,
        project: &Project,
        named: &[String],
        within: Duration,
        call: &CommandContext<'_>,
    ) -> Result<Vec<Service>, CommandError> {
        let wanted = self.wanted(project, named, call).await?;
        let deadline = Instant::now() + within;
        loop {
            let services = self.services(project, &wanted, call).await?;
            let bad = services.iter().find(|service| matches!(service.standing(), Standing::Bad(_)));
            let waiting = services.iter().find(|service| matches!(service.standing(), Standing::Waiting(_)));
            match (bad, waiting) {
                (Some(bad), _) => return Err(CommandError::Failed(Failure::new(bad.shown()))),
                (None, None) => return Ok(services),
                (None, Some(late)) if Instant::now() >= deadline => {
                    let words = format!("{} after {}", late.shown(), TimeSpan(within));
                    return Err(CommandError::Failed(
                        Failure::new(words).help("raise `within:`, or check its health check"),
                    ));
                }
                (None, Some(_)) => {}
            }
            tokio::select! {
                biased;
                () = call.stop.cancel.cancelled() => return Err(Fault::unknown("stopped").into()),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Takes a project down. Where its files cannot be used any more (a variable is not set), its containers and
    /// networks are found by the project's name.
    ///
    /// # Errors
    /// A failure with Compose's own words.
    pub async fn down(&self, project: &Project, down: Down, call: &CommandContext<'_>) -> Result<(), CommandError> {
        let form = self.form(call).await?;
        let mut args = vec!["down".to_owned()];
        for (flag, wanted) in [("--volumes", down.volumes), ("--remove-orphans", down.orphans)] {
            args.extend(wanted.then(|| flag.to_owned()));
        }
        if down.images {
            args.extend(["--rmi".to_owned(), "local".to_owned()]);
        }
        if down.quick {
            args.extend(["--timeout".to_owned(), QUICK.to_string()]);
        }
        match (run(form, project, &args, call).await, &project.name) {
            (Err(CommandError::Failed(_)), Some(name)) => {
                call.log.line(b"its files cannot be used: going by the project's name");
                let nameless = Project { name: Some(name.clone()), ..Project::default() };
                let mut elsewhere = call.clone();
                elsewhere.dir.clone_from(&call.scratch);
                run(form, &nameless, &args, &elsewhere).await
            }
            (result, _) => result,
        }
    }

    /// The services that are meant: `named`, or all that the files and profiles switch on.
    ///
    /// # Errors
    /// A failure where the files cannot be used.
    pub async fn wanted(
        &self,
        project: &Project,
        named: &[String],
        call: &CommandContext<'_>,
    ) -> Result<Vec<String>, CommandError> {
        if !named.is_empty() {
            return Ok(named.to_vec());
        }
        let text = self.ask(project, &["config", "--services"], call).await?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    /// The state of the containers of these services, sorted by service; one without a container is reported as such.
    ///
    /// # Errors
    /// A failure where Compose does not say.
    pub async fn services(
        &self,
        project: &Project,
        wanted: &[String],
        call: &CommandContext<'_>,
    ) -> Result<Vec<Service>, CommandError> {
        let text = self.ask(project, &["ps", "--all", "--format", "json"], call).await?;
        let mut services = service::read(&text).map_err(|error| {
            CommandError::Fault(Fault::unknown(format!("compose describes its services in an unknown way: {error}")))
        })?;
        services.retain(|service| wanted.contains(&service.name));
        for name in wanted {
            if !services.iter().any(|service| service.name == *name) {
                services.push(Service::absent(name));
            }
        }
        services.sort_by(|a, b| (&a.name, &a.container).cmp(&(&b.name, &b.container)));
        Ok(services)
    }

    /// The last lines of a service's log; none where Compose does not say.
    pub async fn log(&self, project: &Project, service: &str, call: &CommandContext<'_>) -> Vec<String> {
        let Ok(form) = self.form(call).await else { return Vec::new() };
        let plain: &[&str] = if form == Form::Podman { &[] } else { &["--no-color", "--no-log-prefix"] };
        let mut args = vec!["logs"];
        args.extend_from_slice(plain);
        args.extend(["--tail", "500", service]);
        let command = command(form, project, &args, call);
        let Ok(said) = process::capture(&command, 1 << 20, &call.stop).await else { return Vec::new() };
        let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        out.lines().chain(err.lines()).filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    }

    /// What the newest health check of a service said; `None` where it has none, or the engine does not say.
    pub async fn health(&self, service: &Service, call: &CommandContext<'_>) -> Option<health::Check> {
        let program = if self.form(call).await.ok()? == Form::Podman { "podman" } else { "docker" };
        if service.container.is_empty() || service.health.is_empty() {
            return None;
        }
        let args = ["inspect", "--format", "{{json .State.Health}}", &service.container];
        let said = call.ask(program, args).await.ok()?;
        health::newest(&String::from_utf8_lossy(&said.stdout))
    }

    async fn ask(&self, project: &Project, args: &[&str], call: &CommandContext<'_>) -> Result<String, CommandError> {
        let form = self.form(call).await?;
        let said = process::capture(&command(form, project, args, call), 4 << 20, &call.stop).await?;
        if said.code == Some(0) {
            return Ok(String::from_utf8_lossy(said.stdout.whole("the output of compose")?).into_owned());
        }
        let words = last_line(&said.stderr).or_else(|| last_line(&said.stdout)).unwrap_or_default();
        Err(CommandError::Failed(refused(&words)))
    }
}

async fn find(call: &CommandContext<'_>) -> Result<Form, Fault> {
    let mut said = Vec::new();
    for form in Form::ALL {
        match answers(form, call).await {
            Ok(()) => return Ok(form),
            Err(_) if call.stop.cancel.is_cancelled() => return Err(Fault::unknown("stopped")),
            Err(words) => said.push(format!("{}: {words}", form.words().join(" "))),
        }
    }
    let help = "start Docker and install its compose plugin (https://docs.docker.com/compose/install/), or Podman";
    Err(Fault::environment(format!("no Compose answers: {}", said.join("; "))).help(help))
}

async fn answers(form: Form, call: &CommandContext<'_>) -> Result<(), String> {
    for question in form.questions() {
        let (program, args) = question.split_first().expect("every question has a program");
        let said = call.ask(program, args.iter().copied()).await.map_err(|fault| fault.message)?;
        if said.code != Some(0) {
            let words = last_line(&said.stderr).or_else(|| last_line(&said.stdout));
            return Err(words.unwrap_or_else(|| format!("exit code {:?}", said.code)));
        }
    }
    Ok(())
}

fn command<S: AsRef<str>>(form: Form, project: &Project, args: &[S], call: &CommandContext<'_>) -> Command {
    let (program, first) = form.words().split_first().expect("every form has a program");
    let mut words: Vec<String> = first.iter().map(|word| (*word).to_owned()).collect();
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    words.extend(project.name.iter().flat_map(|name| ["--project-name".to_owned(), name.clone()]));
    words.extend(project.files.iter().flat_map(|file| ["--file".to_owned(), path(file)]));
    words.extend(project.env_files.iter().flat_map(|file| ["--env-file".to_owned(), path(file)]));
    words.extend(project.profiles.iter().flat_map(|name| ["--profile".to_owned(), name.clone()]));
    words.extend(args.iter().map(|arg| arg.as_ref().to_owned()));
    let mut command = call.command(program, words);
    // plain lines, and no file or project but those that are meant
    for (name, value) in [("COMPOSE_ANSI", "never"), ("COMPOSE_PROGRESS", "plain"), ("COMPOSE_MENU", "false")] {
        command.env.insert(name.into(), value.into());
    }
    command.env.remove(std::ffi::OsStr::new("COMPOSE_FILE"));
    command
}

async fn run(form: Form, project: &Project, args: &[String], call: &CommandContext<'_>) -> Result<(), CommandError> {
    let tail = LastLines::new(call.log);
    let exit = process::run(&command(form, project, args, call), &tail, &call.stop).await?;
    match exit {
        Exit::Code(0) => Ok(()),
        Exit::Stopped => Err(Fault::unknown("stopped").into()),
        Exit::Terminal => {
            let (message, help) = process::waits_for_terminal("docker compose");
            Err(CommandError::Failed(Failure::new(message).help(help)))
        }
        Exit::Code(_) | Exit::Signal(_) => {
            let lines = tail.lines();
            let words = lines.last().map(String::as_str).unwrap_or_default();
            let mut failure = refused(words);
            failure.summary = format!("compose {} failed: {words}", args[0]);
            Err(CommandError::Failed(failure))
        }
    }
}

/// The failure behind Compose's own words, with what to do where that is known.
fn refused(words: &str) -> Failure {
    let failure = Failure::new(format!("compose says: {words}"));
    let lower = words.to_lowercase();
    if lower.contains("required variable") {
        failure.help("hand it in by the step's environment: `env: { NAME: \"${{ secrets.NAME }}\" }`")
    } else if lower.contains("port is already allocated") || lower.contains("address already in use") {
        failure.help("another program has that port: stop it, or publish another one (`docker ps` shows containers)")
    } else if lower.contains("pull access denied") || lower.contains("no such image") {
        failure.help("build it first (`build: true`), or check the image's name")
    } else {
        failure
    }
}

#[cfg(test)]
mod tests;

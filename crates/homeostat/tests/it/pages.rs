//! Pages that teach: their programs are right, and their commands answer what the pages say.
//!
//! A block that begins with three backticks and `mcl NAME` is a file: it is written, checked, and has to be in canonical form;
//! after the name, `refused` says that it is wrong, `loose` that it is in another form, and `test` that it holds tests. In a
//! block `console`, what follows `$ ` is run by a shell, and what follows that is its output, without times; `&` at the end
//! runs it until the next such one. A block `yaml` that begins with a graph or its resources is a whole text, and is checked.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::place::Place;

/// For files that a running program changes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where pages say that their readers are.
const THERE: &str = "/tmp/tutorial";

struct Block<'a> {
    head: &'a str,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(head) = line.strip_prefix("```").filter(|head| !head.is_empty()) else { continue };
        let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        blocks.push(Block { head, text });
    }
    blocks
}

/// Commands and their outputs.
fn commands(text: &str) -> Vec<(&str, String)> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command, String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("{line}: a console begins with a command"),
        }
    }
    all
}

/// A reader, who does what a page says.
struct Reader {
    place: Place,
    running: Option<Child>,
}

impl Reader {
    fn shell(&self, script: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_homeostat")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec 2>&1; {}", self.here(script))])
            .current_dir(self.place.path(""))
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", self.place.path("home"))
            .stdin(Stdio::null());
        command
    }

    fn here(&self, text: &str) -> String {
        text.replace(THERE, self.place.path("").to_str().unwrap().trim_end_matches('/'))
    }

    fn output(&self, script: &str) -> String {
        let done = self.shell(script).output().unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        without_times(&text.replace(self.here(THERE).as_str(), THERE))
    }

    fn file(&self, head: &str, text: &str) {
        let mut words = head.split(' ');
        let (name, how) = (words.next().unwrap(), words.next());
        std::fs::create_dir_all(self.place.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.place.path(name), self.here(text)).unwrap();
        if !matches!(how, Some("refused" | "test")) {
            let done = self.place.homeostat(&["check", name]);
            assert_eq!(done.code, Some(0), "{name}: {done:#?}");
        }
        if matches!(how, None | Some("test")) {
            let done = self.place.homeostat(&["fmt", "--check", name]);
            assert_eq!(done.code, Some(0), "{name} is not in canonical form: {done:#?}");
        }
    }

    #[allow(clippy::disallowed_methods)]
    fn does(&mut self, command: &str, output: &str) {
        if let Some(command) = command.strip_suffix(" &") {
            self.ends();
            let child =
                self.shell(&format!("exec {command}")).stdout(Stdio::piped()).process_group(0).spawn();
            self.running = Some(child.unwrap());
            return;
        }
        if self.running.is_some() && command.starts_with("homeostat run") {
            self.ends();
        }
        let output = without_times(output);
        let begin = Instant::now();
        let mut said = self.output(command);
        while said != output && command.starts_with("cat ") && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
            said = self.output(command);
        }
        if said != output {
            let log = self.ends();
            assert_eq!(said, output, "$ {command}\nwhat ran beside said: {log}");
        }
    }

    /// ^C for what runs beside. Gives what it said.
    fn ends(&mut self) -> String {
        let Some(mut child) = self.running.take() else { return String::new() };
        let pid = i32::try_from(child.id()).unwrap();
        Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap();
        let mut log = String::new();
        child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
        child.wait().unwrap();
        log
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // The test has failed already.
            let _killed = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// `(218 µs)` at the ends of lines is another time each time.
fn without_times(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once(" (") {
        Some((rest, time)) if time.ends_with("s)") && time.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{rest}\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn follow(page: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let page = std::fs::read_to_string(path).unwrap();
    let mut reader = Reader { place: Place::new(), running: None };
    let mut done = 0;
    for block in blocks(&page) {
        if let Some(head) = block.head.strip_prefix("mcl ") {
            reader.file(head, &block.text);
            done += 1;
        }
        if block.head == "console" {
            for (command, output) in commands(&block.text) {
                reader.does(command, &output);
                done += 1;
            }
        }
    }
    reader.ends();
    done
}

#[test]
fn the_tutorial_does_what_it_says() {
    assert!(follow("tutorial.md") > 20);
}

#[test]
fn programs_beside_those_of_other_tools_are_right() {
    assert!(follow("coming-from.md") >= 8);
}

#[test]
fn whole_texts_of_graph_yaml_are_right() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut checked = 0;
    for page in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if page.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).unwrap();
        for block in blocks(&text).iter().filter(|block| is_graph_yaml(block)) {
            let place = Place::new();
            place.write("site.yaml", &block.text);
            let done = place.homeostat(&["check", "site.yaml"]);
            assert_eq!(done.code, Some(0), "{}: {done:#?}", page.display());
            checked += 1;
        }
    }
    assert!(checked >= 7, "{checked}");
}

fn is_graph_yaml(block: &Block<'_>) -> bool {
    let begins = |line: &str| ["graph:", "resources:", "edges:"].iter().any(|key| line.starts_with(key));
    block.head == "yaml" && block.text.lines().any(begins)
}

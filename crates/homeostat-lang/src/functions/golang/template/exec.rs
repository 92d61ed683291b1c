//! Rendering a template.

use std::ops::{ControlFlow, Range};

use super::super::{format, quote};
use super::data::{self, Datum};
use super::library::Failure;
use super::tree::{Branch, Command, Form, Item, Operand, Pipe, Template};
use super::{builtins, library};
use crate::functions::declaration::Call;
use crate::functions::error::{Error, Result};
use crate::value::Value;

/// Blocks within blocks and templates within templates; templates that call themselves more deeply are taken for endless.
const DEPTH_MAX: usize = 200;
/// So many items may be rendered, since templates that call themselves twice would go on for ages.
const STEPS_MAX: usize = 2_000_000;
const OUTPUT_BYTES_MAX: usize = 64 << 20;

/// The text, with `vars` for the dot.
pub(super) fn execute(template: &Template, vars: Datum, outside: Outside<'_>) -> Result<String> {
    let mut run = Run {
        template,
        outside,
        out: String::new(),
        name: "template",
        variables: vec![(String::new(), vars.clone())],
        depth: 0,
        steps: 0,
    };
    match run.items(&template.root, &vars) {
        ControlFlow::Continue(()) | ControlFlow::Break(Stop::Break | Stop::Continue) => Ok(run.out),
        ControlFlow::Break(Stop::Failed(error)) => Err(error),
    }
}

/// What functions of the library need.
#[derive(Clone, Copy)]
pub(super) struct Outside<'a> {
    pub(super) caller: &'a dyn Call,
    /// The directory of the module that holds the call.
    pub(super) module: &'a str,
}

struct Run<'a> {
    template: &'a Template,
    outside: Outside<'a>,
    out: String,
    /// The one that is rendered.
    name: &'a str,
    /// Innermost last.
    variables: Vec<(String, Datum)>,
    depth: usize,
    steps: usize,
}

/// Why rendering does not go on with the next item.
enum Stop {
    Break,
    Continue,
    Failed(Error),
}

type Flow<T = ()> = ControlFlow<Stop, T>;

impl<'a> Run<'a> {
    /// Go's words: the template, the line, the byte in it, what is there, and what is wrong.
    fn fail<T>(&self, at: &Range<usize>, message: impl AsRef<str>) -> Flow<T> {
        let text = &*self.template.text;
        let before = &text[..at.start];
        let line = 1 + before.matches('\n').count();
        let column = before.rfind('\n').map_or(at.start, |newline| at.start - newline - 1);
        let (source, message, name) = (&text[at.clone()], message.as_ref(), quote::quote(self.name));
        Flow::Break(Stop::Failed(Error::permanent(format!(
            "template: execution error: template: template:{line}:{column}: executing {name} at <{source}>: {message}"
        ))))
    }

    fn items(&mut self, items: &'a [Item], dot: &Datum) -> Flow {
        let scope = self.variables.len();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = "template: execution error: the template is nested too deeply";
            return Flow::Break(Stop::Failed(Error::permanent(message)));
        }
        for item in items {
            self.steps += 1;
            if self.steps > STEPS_MAX || self.out.len() > OUTPUT_BYTES_MAX {
                let message = "template: execution error: the template does too much";
                return Flow::Break(Stop::Failed(Error::permanent(message)));
            }
            self.item(item, dot)?;
        }
        self.variables.truncate(scope);
        self.depth -= 1;
        Flow::Continue(())
    }

    fn item(&mut self, item: &'a Item, dot: &Datum) -> Flow {
        match item {
            Item::Text(text) => self.out.push_str(text),
            Item::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.print(&value);
                }
            }
            Item::If(branch) => {
                let scope = self.variables.len();
                let chosen = self.pipe(&branch.pipe, dot)?;
                let items = if data::is_true(&chosen) { &branch.then } else { &branch.otherwise };
                self.items(items, dot)?;
                self.variables.truncate(scope);
            }
            Item::With(branch) => {
                let scope = self.variables.len();
                let value = self.pipe(&branch.pipe, dot)?;
                match data::is_true(&value) {
                    true => self.items(&branch.then, &value)?,
                    false => self.items(&branch.otherwise, dot)?,
                }
                self.variables.truncate(scope);
            }
            Item::Range(branch) => self.range(branch, dot)?,
            Item::Template { name, at, pipe } => self.template(name, at, pipe.as_ref(), dot)?,
            Item::Break => return Flow::Break(Stop::Break),
            Item::Continue => return Flow::Break(Stop::Continue),
        }
        Flow::Continue(())
    }

    fn print(&mut self, value: &Datum) {
        match value {
            None => self.out.push_str("<no value>"),
            some => self.out.push_str(&format::plain(some.as_ref())),
        }
    }

    fn template(&mut self, name: &'a str, at: &Range<usize>, pipe: Option<&'a Pipe>, dot: &Datum) -> Flow {
        let template = self.template;
        let Some(items) = template.defined.get(name) else {
            return self.fail(at, format!("template {} not defined", quote::quote(name)));
        };
        let dot = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => None,
        };
        if self.depth >= DEPTH_MAX {
            return self.fail(at, "exceeded maximum template depth");
        }
        let variables = std::mem::replace(&mut self.variables, vec![(String::new(), dot.clone())]);
        let outside = std::mem::replace(&mut self.name, name);
        self.items(items, &dot)?;
        (self.variables, self.name) = (variables, outside);
        Flow::Continue(())
    }

    fn range(&mut self, branch: &'a Branch, dot: &Datum) -> Flow {
        let scope = self.variables.len();
        // The variables stand for each item, so the pipe itself declares none.
        let over = self.commands(&branch.pipe, dot)?;
        let numbered = |items: &[Value]| -> Vec<(Value, Value)> {
            items.iter().enumerate().map(|(at, item)| (Value::Int(at as i64), item.clone())).collect()
        };
        let entries = match &over {
            None => Vec::new(),
            Some(Value::List(items)) => numbered(items),
            Some(Value::Map(map)) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            Some(Value::Int(count)) if (0..=STEPS_MAX as i64).contains(count) => {
                (0..*count).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            other => {
                let ty = format::type_name(other.as_ref());
                return self.fail(&branch.pipe.at, format!("range can't iterate over a value of type {ty}"));
            }
        };
        if entries.is_empty() {
            return self.items(&branch.otherwise, dot);
        }
        let depth = self.depth;
        for (key, value) in entries {
            self.loop_variables(&branch.pipe, key, &value);
            match self.items(&branch.then, &Some(value)) {
                Flow::Continue(()) | Flow::Break(Stop::Continue) => {}
                Flow::Break(Stop::Break) => break,
                failed => return failed,
            }
            self.depth = depth;
            if !branch.pipe.is_assignment {
                self.variables.truncate(scope);
            }
        }
        self.depth = depth;
        self.variables.truncate(scope);
        Flow::Continue(())
    }

    fn loop_variables(&mut self, pipe: &Pipe, key: Value, value: &Value) {
        match pipe.variables.as_slice() {
            [] => {}
            [one] => self.set(one, Some(value.clone()), pipe.is_assignment),
            [first, second, ..] => {
                self.set(first, Some(key), pipe.is_assignment);
                self.set(second, Some(value.clone()), pipe.is_assignment);
            }
        }
    }

    fn set(&mut self, name: &str, value: Datum, is_assignment: bool) {
        if is_assignment
            && let Some((_, known)) = self.variables.iter_mut().rev().find(|(known, _)| known == name)
        {
            *known = value;
            return;
        }
        self.variables.push((name.to_owned(), value));
    }

    fn pipe(&mut self, pipe: &'a Pipe, dot: &Datum) -> Flow<Datum> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.set(name, value.clone(), pipe.is_assignment);
        }
        Flow::Continue(value)
    }

    fn commands(&mut self, pipe: &'a Pipe, dot: &Datum) -> Flow<Datum> {
        let mut last = None;
        for (at, command) in pipe.commands.iter().enumerate() {
            let piped = if at == 0 { None } else { Some(last) };
            last = self.command(command, dot, piped)?;
        }
        Flow::Continue(last)
    }

    /// `piped` is the value of the command before, if there is one: the last argument.
    fn command(&mut self, command: &'a Command, dot: &Datum, piped: Option<Datum>) -> Flow<Datum> {
        let (first, rest) = command.operands.split_first().expect("the parser makes no empty command");
        if let Form::Function(name) = &first.form {
            return self.function((name, first), &command.at, rest, dot, piped);
        }
        if !rest.is_empty() || piped.is_some() {
            let source = &self.template.text[first.at.clone()];
            return self.fail(&first.at, format!("can't give argument to non-function {source}"));
        }
        self.operand(first, dot)
    }

    fn function(
        &mut self,
        (name, at): (&str, &Operand),
        command: &Range<usize>,
        rest: &'a [Operand],
        dot: &Datum,
        piped: Option<Datum>,
    ) -> Flow<Datum> {
        if name == "and" || name == "or" {
            return self.logic(name == "or", at, rest, dot, piped);
        }
        let mut args = Vec::with_capacity(rest.len() + 1);
        for operand in rest {
            args.push(self.operand(operand, dot)?);
        }
        args.extend(piped);
        let result = match library::find(name) {
            Some(function) => library::call(function, name, self.outside, args),
            None => builtins::call(name, &args).map_err(|why| Failure::Function(Error::permanent(why))),
        };
        match result {
            Ok(value) => Flow::Continue(value),
            Err(Failure::Function(waiting @ Error::Unanswered(_))) => Flow::Break(Stop::Failed(waiting)),
            Err(Failure::Function(error)) => self.fail(command, format!("error calling {name}: {error}")),
            Err(Failure::Misuse(message)) => self.fail(&at.at, message),
        }
    }

    /// The first argument that decides, or the last.
    fn logic(
        &mut self,
        decides: bool,
        at: &Operand,
        rest: &'a [Operand],
        dot: &Datum,
        piped: Option<Datum>,
    ) -> Flow<Datum> {
        let mut last = None;
        for operand in rest {
            let value = self.operand(operand, dot)?;
            if data::is_true(&value) == decides {
                return Flow::Continue(value);
            }
            last = Some(value);
        }
        match piped.or(last) {
            Some(value) => Flow::Continue(value),
            None => self.fail(&at.at, "wrong number of args: want at least 1 got 0"),
        }
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Datum) -> Flow<Datum> {
        match &operand.form {
            Form::Dot => Flow::Continue(dot.clone()),
            Form::Nil => Flow::Continue(None),
            Form::Literal(value) => Flow::Continue(Some(value.clone())),
            Form::Field(names) => self.fields(dot.clone(), names, operand),
            Form::Variable(name, names) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = known.and_then(|(_, value)| value.clone());
                self.fields(value, names, operand)
            }
            Form::Function(name) => self.function((name, operand), &operand.at, &[], dot, None),
            Form::Nested(pipe, names) => {
                let value = self.pipe(pipe, dot)?;
                self.fields(value, names, operand)
            }
        }
    }

    fn fields(&self, mut value: Datum, names: &[String], operand: &Operand) -> Flow<Datum> {
        for name in names {
            value = match &value {
                None => return self.fail(&operand.at, format!("nil data; no entry for key {name:?}")),
                Some(Value::Map(map)) => match map.get(&Value::from(name.as_str())) {
                    Some(found) => Some(found.clone()),
                    None => {
                        let capital = super::data::title(name);
                        let hint = match map.get(&Value::from(capital.as_str())) {
                            Some(_) => format!(" (there is `.{capital}`: fields of structs are capital)"),
                            None => String::new(),
                        };
                        let why = format!("map has no entry for key {name:?}{hint}");
                        return self.fail(&operand.at, why);
                    }
                },
                Some(Value::Struct(fields)) if fields.get(name).is_some() => fields.get(name).cloned(),
                other => {
                    let ty = format::type_name(other.as_ref());
                    return self.fail(&operand.at, format!("can't evaluate field {name} in type {ty}"));
                }
            };
        }
        Flow::Continue(value)
    }
}

//! Random programs that are right, over a small world, and random news of that world.
//!
//! Everything is made of one number, so a program that shows a fault can be made again.

use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, SourceRequest};

use crate::rig::{World, exists, file, list, map, missing};

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// How many sources of each type there are.
const SOURCES: usize = 3;
/// What kinds of sources there are.
const KINDS: usize = 8;
const WORDS: &[&str] = &["a", "b", "c", "1", "2", ""];

fn pool(number: usize) -> SourceRequest {
    SourceRequest::Pool { namespace: "p".into(), uid: format!("{number}").into() }
}

/// Most of what the world can say.
pub(crate) fn world(random: &mut Random) -> World {
    let all = (0..SOURCES).flat_map(|number| (0..KINDS).map(move |kind| (number, kind)));
    let mut said: World = all.map(|(number, kind)| news_of(random, number, kind)).collect();
    said.retain(|_, _| random.chance(98));
    said
}

/// One thing that the world can say.
pub(crate) fn news(random: &mut Random) -> (SourceRequest, Answer) {
    let (number, kind) = (random.below(SOURCES), random.below(KINDS));
    news_of(random, number, kind)
}

fn news_of(random: &mut Random, number: usize, kind: usize) -> (SourceRequest, Answer) {
    match kind {
        0 => (pool(number), Ok(Value::Int(random.below(4) as i64))),
        1 => {
            let answer = match random.chance(30) {
                true => missing(),
                false => Ok(Value::from(random.pick(WORDS))),
            };
            (file(&format!("/{number}")), answer)
        }
        2 => (exists(&format!("/{number}")), Ok(Value::Bool(random.chance(50)))),
        3 => {
            let words: Vec<Value> = (0..random.below(5)).map(|_| Value::from(random.pick(WORDS))).collect();
            (list(&format!("{number}")), Ok(Value::list(words)))
        }
        4 => {
            let ready = random.chance(70);
            let value = ("value", Value::from(random.pick(WORDS)));
            let fields = [value, ("ready", Value::Bool(true))];
            let answer = match ready {
                true => Value::structure(fields),
                false => Value::structure([("ready", Value::Bool(false))]),
            };
            (SourceRequest::StoredValue { name: format!("{number}").into() }, Ok(answer))
        }
        5 => {
            let fields =
                [("value", Value::from(random.pick(WORDS))), ("exists", Value::Bool(random.chance(50)))];
            (SourceRequest::StoreValue { key: format!("{number}").into() }, Ok(Value::structure(fields)))
        }
        6 => {
            let offer = |name: usize, host: &str| {
                Value::structure([("name", Value::from(format!("r{name}"))), ("host", Value::from(host))])
            };
            let offers: Vec<Value> =
                (0..random.below(4)).map(|_| offer(random.below(12), random.pick(&["h1", "h2"]))).collect();
            (SourceRequest::Exports { kind: "test".into() }, Ok(Value::list(offers)))
        }
        _ => {
            let pairs = (0..random.below(5)).map(|_| (random.pick(WORDS), random.pick(WORDS)));
            let pairs: Vec<_> = pairs.map(|(key, value)| (Value::from(key), Value::from(value))).collect();
            (map(&format!("{number}")), Ok(Value::map(pairs)))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ty {
    Bool,
    Int,
    Str,
    List,
    Map,
    Func,
}

#[derive(Clone, Default)]
struct Scope {
    variables: Vec<(String, Ty)>,
    /// Functions of one `str` that give a `str`.
    functions: Vec<String>,
    /// Classes of a `str` and an `int`; whether they define `$inner str`.
    classes: Vec<String>,
}

/// Makes one program.
pub(crate) struct Generator<'a> {
    random: &'a mut Random,
    names: usize,
    text: String,
    indent: usize,
    /// Resources that may still be written.
    resources: usize,
}

impl<'a> Generator<'a> {
    pub(crate) fn program(random: &'a mut Random) -> String {
        let text = ["os", "world", "world/collect", "value", "local", "iter", "convert", "list", "map"]
            .map(|module| format!("import \"{module}\"\n"))
            .concat();
        let mut generator = Self { random, names: 0, text, indent: 0, resources: 12 };
        generator.line("test \"fix1\" {}");
        generator.line("test \"fix2\" {}");
        let count = 3 + generator.random.below(7);
        generator.block(&mut Scope::default(), count, 3);
        generator.text
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(&"\t".repeat(self.indent));
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn ty(&mut self) -> Ty {
        self.random.pick(&[Ty::Bool, Ty::Int, Ty::Int, Ty::Str, Ty::Str, Ty::List, Ty::Map, Ty::Func])
    }

    fn block(&mut self, scope: &mut Scope, statements: usize, depth: usize) {
        for _ in 0..statements {
            self.statement(scope, depth);
        }
    }

    fn inner(&mut self, scope: &Scope, more: &[(&str, Ty)], depth: usize) {
        self.indent += 1;
        let mut inner = scope.clone();
        inner.variables.extend(more.iter().map(|(name, ty)| ((*name).to_owned(), *ty)));
        let statements = 1 + self.random.below(3);
        self.block(&mut inner, statements, depth - 1);
        self.indent -= 1;
    }

    fn statement(&mut self, scope: &mut Scope, depth: usize) {
        let kinds = if depth == 0 { 8 } else { 15 };
        match self.random.below(kinds) {
            0..=2 => self.bind(scope),
            3..=5 => self.resource(scope),
            6 => self.edge(scope),
            7 => self.collect(scope),
            8 | 9 => self.branch(scope, depth),
            10 => {
                let (key, value) = (self.name(), self.name());
                let over = self.expr(scope, Ty::List, 2);
                self.line(&format!("for ${key}, ${value} in {over} {{"));
                self.inner(scope, &[(&key, Ty::Int), (&value, Ty::Str)], depth);
                self.line("}");
            }
            11 => {
                let (key, value) = (self.name(), self.name());
                let over = self.expr(scope, Ty::Map, 2);
                self.line(&format!("forkv ${key}, ${value} in {over} {{"));
                self.inner(scope, &[(&key, Ty::Str), (&value, Ty::Str)], depth);
                self.line("}");
            }
            12 => self.function(scope),
            13 => self.class(scope, depth),
            _ => self.include(scope),
        }
    }

    fn bind(&mut self, scope: &mut Scope) {
        let (name, ty) = (self.name(), self.ty());
        let value = self.expr(scope, ty, 3);
        self.line(&format!("${name} = {value}"));
        scope.variables.push((name, ty));
    }

    fn resource(&mut self, scope: &Scope) {
        if self.resources == 0 {
            return;
        }
        self.resources -= 1;
        let number = self.resources;
        let name = match self.random.below(3) {
            0 => format!("\"r{number}\""),
            1 => format!("[\"r{number}-\" + {}]", self.expr(scope, Ty::Str, 2)),
            _ => format!("[\"r{number}-\" + $x for $x in {}]", self.expr(scope, Ty::List, 2)),
        };
        self.line(&format!("test {name} {{"));
        for (field, ty) in [("str", Ty::Str), ("int", Ty::Int), ("slicestring", Ty::List), ("bool", Ty::Bool)]
        {
            if self.random.chance(35) {
                let condition = match self.random.chance(25) {
                    true => format!("{} ?: ", self.expr(scope, Ty::Bool, 2)),
                    false => String::new(),
                };
                let value = self.expr(scope, ty, 3);
                self.line(&format!("\t{field} => {condition}{value},"));
            }
        }
        if self.random.chance(15) {
            let fixed = self.random.pick(&["fix1", "fix2"]);
            let property = self.random.pick(&["Before", "Depend", "Notify", "Listen"]);
            self.line(&format!("\t{property} => Test[\"{fixed}\"],"));
        }
        if self.random.chance(10) {
            let noop = self.expr(scope, Ty::Bool, 1);
            self.line(&format!("\tMeta:noop => {noop},"));
        }
        if self.random.chance(15) {
            let hosts = self.random.pick(&["[\"*\"]", "[\"h1\", \"h2\"]"]);
            let condition = self.expr(scope, Ty::Bool, 2);
            self.line(&format!("\tMeta:export => {condition} ?: {hosts},"));
            if self.random.chance(30) {
                let hidden = self.expr(scope, Ty::Bool, 1);
                self.line(&format!("\tMeta:hidden => {hidden},"));
            }
        }
        self.line("}");
    }

    fn collect(&mut self, scope: &Scope) {
        let name = match self.random.below(4) {
            0 => format!("\"r{}\"", self.random.below(12)),
            1 => format!("[\"r\" + $x for $x in {}]", self.expr(scope, Ty::List, 2)),
            2 => format!("[$x for $x in collect.res(\"test\") if {}]", self.expr(scope, Ty::Bool, 2)),
            _ => "collect.res(\"test\")".to_owned(),
        };
        self.line(&format!("collect test {name} {{"));
        for (field, ty) in [("str", Ty::Str), ("int", Ty::Int)] {
            if self.random.chance(30) {
                let value = self.expr(scope, ty, 2);
                self.line(&format!("\t{field} => {value},"));
            }
        }
        if self.random.chance(20) {
            let property = self.random.pick(&["Before", "Listen"]);
            self.line(&format!("\t{property} => Test[\"fix2\"],"));
        }
        if self.random.chance(20) {
            let noop = self.expr(scope, Ty::Bool, 1);
            self.line(&format!("\tMeta:noop => {noop},"));
        }
        self.line("}");
    }

    fn edge(&mut self, scope: &Scope) {
        match self.random.below(7) {
            0 if self.random.chance(30) => {
                let number = self.random.below(12);
                self.line(&format!("Test[\"fix1\"] -> Test[\"r{number}\"]"));
            }
            6 if self.random.chance(40) => {
                let number = self.random.below(12);
                self.line(&format!("Test[\"fix1\"].hello -> Test[\"r{number}\"].anotherstr"));
            }
            1 => self.line("Test[\"fix1\"].hello -> Test[\"fix2\"].str"),
            2 => {
                let condition = self.expr(scope, Ty::Bool, 2);
                let exists = self.source(Ty::Bool).unwrap_or_default();
                let other = self.expr(scope, Ty::Bool, 1);
                self.line(&format!("panic({condition} and {exists} and {other})"));
            }
            _ => self.line("Test[\"fix1\"] -> Test[\"fix2\"]"),
        }
    }

    fn branch(&mut self, scope: &Scope, depth: usize) {
        let condition = self.expr(scope, Ty::Bool, 3);
        self.line(&format!("if {condition} {{"));
        self.inner(scope, &[], depth);
        if self.random.chance(30) {
            let other = self.expr(scope, Ty::Bool, 2);
            self.line(&format!("}} else if {other} {{"));
            self.inner(scope, &[], depth);
        }
        if self.random.chance(50) {
            self.line("} else {");
            self.inner(scope, &[], depth);
        }
        self.line("}");
    }

    fn function(&mut self, scope: &mut Scope) {
        let (name, param, local) = (self.name(), self.name(), self.name());
        let mut inner = scope.clone();
        inner.variables.push((param.clone(), Ty::Str));
        self.line(&format!("func f{name}(${param} str) {{"));
        let value = self.expr(&inner, Ty::Str, 2);
        self.line(&format!("\t${local} = {value}"));
        inner.variables.push((local, Ty::Str));
        self.line("");
        let value = self.expr(&inner, Ty::Str, 2);
        self.line(&format!("\t{value}"));
        self.line("}");
        scope.functions.push(format!("f{name}"));
    }

    fn class(&mut self, scope: &mut Scope, depth: usize) {
        let (name, text, number) = (self.name(), self.name(), self.name());
        let check = if self.random.chance(20) { format!(" where ${number} < 9") } else { String::new() };
        self.line(&format!("class c{name}(${text} str, ${number} int = 2{check}) {{"));
        self.indent += 1;
        let mut inner = scope.clone();
        inner.variables.extend([(text, Ty::Str), (number, Ty::Int)]);
        let value = self.expr(&inner, Ty::Str, 2);
        self.line(&format!("$inner = {value}"));
        let statements = 1 + self.random.below(3);
        self.block(&mut inner, statements, depth - 1);
        self.indent -= 1;
        self.line("}");
        scope.classes.push(format!("c{name}"));
    }

    fn include(&mut self, scope: &mut Scope) {
        if scope.classes.is_empty() {
            return self.resource(scope);
        }
        let at = self.random.below(scope.classes.len());
        let class = scope.classes[at].clone();
        let mut args = self.expr(scope, Ty::Str, 2);
        if self.random.chance(50) {
            args += &format!(", {}", self.expr(scope, Ty::Int, 2));
        }
        if self.random.chance(50) {
            let alias = self.name();
            self.line(&format!("include {class}({args}) as {alias}"));
            scope.variables.push((format!("{alias}.inner"), Ty::Str));
        } else {
            self.line(&format!("include {class}({args})"));
        }
    }

    fn source(&mut self, ty: Ty) -> Option<String> {
        let number = self.random.below(SOURCES);
        Some(match ty {
            Ty::Bool => format!("os.file_exists(\"/{number}\")"),
            Ty::Int => format!("local.pool(\"p\", \"{number}\")"),
            Ty::Str => match self.random.below(4) {
                0 => format!("value.get_str(\"{number}\")->value"),
                1 => format!("world.getval(\"{number}\")->value"),
                _ => format!("os.readfile(\"/{number}\")"),
            },
            Ty::List => match self.random.below(4) {
                0 => "[$x->name for $x in collect.res(\"test\")]".to_owned(),
                _ => format!("world.schedule(\"{number}\")"),
            },
            Ty::Map => format!("world.kvlookup(\"{number}\")"),
            Ty::Func => return None,
        })
    }

    fn variable(&mut self, scope: &Scope, ty: Ty) -> Option<String> {
        let fitting: Vec<&String> =
            scope.variables.iter().filter(|(_, known)| *known == ty).map(|(name, _)| name).collect();
        (!fitting.is_empty()).then(|| format!("${}", fitting[self.random.below(fitting.len())]))
    }

    /// An expression, in parentheses where it has parts. Most that may fail are caught.
    fn expr(&mut self, scope: &Scope, ty: Ty, depth: usize) -> String {
        let made = self.bare(scope, ty, depth);
        let may_fail = made.starts_with("os.readfile") || made.starts_with("convert.") || made.ends_with(']');
        if ty == Ty::Func || !may_fail || self.random.chance(4) {
            return made;
        }
        format!("({made} <|> {})", self.literal(scope, ty))
    }

    fn bare(&mut self, scope: &Scope, ty: Ty, depth: usize) -> String {
        let known = self.variable(scope, ty);
        if let Some(known) = known.filter(|_| self.random.chance(40)) {
            return known;
        }
        if depth == 0 || self.random.chance(25) {
            let source = self.source(ty).filter(|_| self.random.chance(50));
            return source.unwrap_or_else(|| self.literal(scope, ty));
        }
        if self.random.chance(12) {
            let condition = self.expr(scope, Ty::Bool, depth - 1);
            let (value, other) = (self.expr(scope, ty, depth - 1), self.expr(scope, ty, depth - 1));
            return format!("(if {condition} {{ {value} }} else {{ {other} }})");
        }
        if ty != Ty::Func && self.random.chance(12) {
            let (value, other) = (self.expr(scope, ty, depth - 1), self.expr(scope, ty, depth - 1));
            return format!("({value} <|> {other})");
        }
        match ty {
            Ty::Bool => self.bool(scope, depth - 1),
            Ty::Int => self.int(scope, depth - 1),
            Ty::Str => self.str(scope, depth - 1),
            Ty::List => self.list(scope, depth - 1),
            Ty::Map => self.map(scope, depth - 1),
            Ty::Func => self.literal(scope, ty),
        }
    }

    fn literal(&mut self, scope: &Scope, ty: Ty) -> String {
        match ty {
            Ty::Bool => self.random.pick(&["true", "false"]).to_owned(),
            Ty::Int => self.random.below(4).to_string(),
            Ty::Str => format!("\"{}\"", self.random.pick(WORDS)),
            Ty::List => format!("[\"{}\", \"{}\"]", self.random.pick(WORDS), self.random.pick(WORDS)),
            Ty::Map => format!(
                "{{\"a\" => \"{}\", \"b\" => \"{}\"}}",
                self.random.pick(WORDS),
                self.random.pick(WORDS)
            ),
            Ty::Func => {
                let param = self.name();
                let mut inner = scope.clone();
                inner.variables.push((param.clone(), Ty::Str));
                let value = self.expr(&inner, Ty::Str, 2);
                format!("func(${param} str) {{ {value} }}")
            }
        }
    }

    fn two(&mut self, scope: &Scope, ty: Ty, depth: usize) -> (String, String) {
        (self.expr(scope, ty, depth), self.expr(scope, ty, depth))
    }

    fn bool(&mut self, scope: &Scope, depth: usize) -> String {
        match self.random.below(5) {
            0 => format!("(not {})", self.expr(scope, Ty::Bool, depth)),
            1 => {
                let (a, b) = self.two(scope, Ty::Int, depth);
                format!("({a} < {b})")
            }
            2 => {
                let (a, b) = self.two(scope, Ty::Str, depth);
                format!("({a} == {b})")
            }
            3 => {
                let (a, b) = self.two(scope, Ty::Bool, depth);
                format!("({a} {} {b})", self.random.pick(&["and", "or"]))
            }
            _ => {
                let needle = self.expr(scope, Ty::Str, depth);
                let haystack = self.expr(scope, Ty::List, depth);
                format!("({needle} in {haystack})")
            }
        }
    }

    fn int(&mut self, scope: &Scope, depth: usize) -> String {
        match self.random.below(5) {
            0 => format!("len({})", self.expr(scope, Ty::List, depth)),
            1 => format!("convert.str_to_int({})", self.expr(scope, Ty::Str, depth)),
            2 => format!("[1, 2, 3][{}]", self.expr(scope, Ty::Int, depth)),
            3 => {
                let (a, b) = self.two(scope, Ty::Int, depth);
                format!("struct{{x => {a}, y => {b}}}->x")
            }
            _ => {
                let (a, b) = self.two(scope, Ty::Int, depth);
                let op = self.random.pick(&["+", "*", "-", "%"]);
                let b = if op == "%" { format!("({b} + 1)") } else { b };
                format!("({a} {op} {b})")
            }
        }
    }

    fn str(&mut self, scope: &Scope, depth: usize) -> String {
        match self.random.below(8) {
            0 => {
                let (a, b) = self.two(scope, Ty::Str, depth);
                format!("({a} + {b})")
            }
            1 => {
                let list = self.expr(scope, Ty::List, depth);
                format!("{list}[{}]", self.expr(scope, Ty::Int, depth))
            }
            2 => {
                let map = self.expr(scope, Ty::Map, depth);
                format!("{map}[{}]", self.expr(scope, Ty::Str, depth))
            }
            3 => match self.variable(scope, Ty::Str) {
                Some(known) => format!("\"<${{{}}}>\"", &known[1..]),
                None => self.literal(scope, Ty::Str),
            },
            4 => match self.variable(scope, Ty::Int) {
                Some(known) => format!("\"<${{{known} + 1}}>\""),
                None => self.literal(scope, Ty::Str),
            },
            5 if !scope.functions.is_empty() => {
                let at = self.random.below(scope.functions.len());
                format!("{}({})", scope.functions[at], self.expr(scope, Ty::Str, depth))
            }
            6 => match self.variable(scope, Ty::Func) {
                Some(known) => format!("{known}({})", self.expr(scope, Ty::Str, depth)),
                None => self.literal(scope, Ty::Str),
            },
            _ => {
                let (x, y) = (self.name(), self.name());
                let list = self.expr(scope, Ty::List, depth);
                let mut inner = scope.clone();
                inner.variables.extend([(x.clone(), Ty::Str), (y.clone(), Ty::Str)]);
                let value = self.expr(&inner, Ty::Str, depth.min(1));
                format!("iter.reduce(\"\", {list}, func(${x} str, ${y} str) {{ ${x} + {value} }})")
            }
        }
    }

    fn list(&mut self, scope: &Scope, depth: usize) -> String {
        match self.random.below(5) {
            0 => {
                let (key, value) = (self.name(), self.name());
                let over = self.expr(scope, Ty::List, depth);
                let mut inner = scope.clone();
                inner.variables.extend([(key.clone(), Ty::Int), (value.clone(), Ty::Str)]);
                let item = self.expr(&inner, Ty::Str, depth);
                let condition = match self.random.chance(50) {
                    true => format!(" if {}", self.expr(&inner, Ty::Bool, depth)),
                    false => String::new(),
                };
                format!("[{item} for ${key}, ${value} in {over}{condition}]")
            }
            1 => {
                let over = self.expr(scope, Ty::List, depth);
                let function = self.expr(scope, Ty::Func, depth);
                format!("iter.map({over}, {function})")
            }
            2 => {
                let (over, param) = (self.expr(scope, Ty::List, depth), self.name());
                let mut inner = scope.clone();
                inner.variables.push((param.clone(), Ty::Str));
                format!(
                    "iter.filter({over}, func(${param} str) {{ {} }})",
                    self.expr(&inner, Ty::Bool, depth)
                )
            }
            3 => format!("map.keys({})", self.expr(scope, Ty::Map, depth)),
            _ => {
                let (a, b) = self.two(scope, Ty::List, depth);
                format!("list.concat({a}, {b})")
            }
        }
    }

    fn map(&mut self, scope: &Scope, depth: usize) -> String {
        let (key, value) = (self.name(), self.name());
        let over = self.expr(scope, Ty::Map, depth);
        let mut inner = scope.clone();
        inner.variables.extend([(key.clone(), Ty::Str), (value.clone(), Ty::Str)]);
        let (first, second) = self.two(&inner, Ty::Str, depth);
        format!("{{{first} => {second} forkv ${key}, ${value} in {over}}}")
    }
}

//! How types are written.

use std::fmt::{self, Display, Formatter};

use super::{FuncType, Type, TypeVar};

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Variant => f.write_str(self.kind()),
            Self::Var(TypeVar(number)) => write!(f, "?{number}"),
            Self::List(item) => write!(f, "[]{item}"),
            Self::Map(key, value) => write!(f, "map{{{key}: {value}}}"),
            Self::Struct(fields) => {
                f.write_str("struct{")?;
                for (at, field) in fields.iter().enumerate() {
                    let separator = if at == 0 { "" } else { "; " };
                    write!(f, "{separator}{} {}", field.name, field.ty)?;
                }
                f.write_str("}")
            }
            Self::Func(func) => func.fmt(f),
        }
    }
}

impl Display for FuncType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        for (at, param) in self.params.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let name = param.name.as_ref().map_or(String::new(), |name| format!("{name} "));
            let dots = if param.repeats { "..." } else { "" };
            write!(f, "{separator}{name}{dots}{}", param.ty)?;
        }
        write!(f, ") {}", self.result)
    }
}

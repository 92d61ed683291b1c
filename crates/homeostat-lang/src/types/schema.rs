//! The types of parameters of kinds, in the language.

use homeostat_model::schema;

use super::{Type, TypeVar};

/// The type that a value for such a parameter has. Bounds and choices are for the front end to check on the value;
/// whatever takes anything becomes a variable from `fresh`.
pub fn accepts(param: &schema::Type, fresh: &mut impl FnMut() -> TypeVar) -> Type {
    match param {
        schema::Type::Bool => Type::Bool,
        schema::Type::Str | schema::Type::Choice(_) => Type::Str,
        schema::Type::Int { .. } => Type::Int,
        schema::Type::Float => Type::Float,
        schema::Type::List(item) => Type::list(accepts(item, fresh)),
        schema::Type::Map(key, value) => Type::map(accepts(key, fresh), accepts(value, fresh)),
        schema::Type::Struct(fields) => {
            Type::structure(fields.iter().map(|(name, ty)| (name.clone(), accepts(ty, fresh))))
        }
        schema::Type::Func(params, result) => {
            let params: Vec<Type> = params.iter().map(|param| accepts(param, fresh)).collect();
            Type::func(params, accepts(result, fresh))
        }
        schema::Type::Any => Type::Var(fresh()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_becomes_a_type() {
        let narrow = schema::Type::Int { min: 0, max: 255 };
        let fields = vec![
            ("mode".into(), schema::Type::Choice(vec!["a".into()])),
            ("size".into(), narrow),
            ("extra".into(), schema::Type::List(Box::new(schema::Type::Any))),
            ("make".into(), schema::Type::Func(vec![schema::Type::INT], Box::new(schema::Type::Str))),
        ];
        let mut next = 0;
        let mut fresh = || {
            next += 1;
            TypeVar(next)
        };
        let ty = accepts(&schema::Type::Struct(fields), &mut fresh);
        assert_eq!(ty.to_string(), "struct{mode str; size int; extra []?1; make func(int) str}");
    }
}

//! The kinds that an agent knows.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::{Arc, OnceLock};

use homeostat_model::value::redact;
use homeostat_model::{Diagnostic, KindSchema, ResourceDecl, Stage, codes, schema};

use crate::resource::{DynResource, ParamError, Resource, Unread};

/// One kind: its name, and how its schema and its resources are made.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    name: &'static str,
    make_schema: fn() -> KindSchema,
    build: BuildFn,
}

type BuildFn = fn(&ResourceDecl) -> Result<Arc<dyn DynResource>, Vec<ParamError>>;

impl Kind {
    /// The kind that `R` implements.
    pub const fn of<R: Resource>() -> Self {
        Self { name: R::KIND, make_schema: schema_of::<R>, build: build::<R> }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

fn schema_of<R: Resource>() -> KindSchema {
    let json = schemars::schema_for!(R::Params).to_value();
    KindSchema {
        kind: R::KIND,
        doc: R::DOC,
        params: schema::params_of(&json),
        outputs: R::OUTPUTS.to_vec(),
        receives: R::RECEIVES,
        json,
    }
}

fn build<R: Resource>(decl: &ResourceDecl) -> Result<Arc<dyn DynResource>, Vec<ParamError>> {
    let params = decl.params.parse().map_err(|error| vec![ParamError::new(error.to_string())])?;
    Ok(Arc::new(R::new(&decl.id.name, params)?))
}

/// A declared resource that was found valid, ready to be loaded.
#[derive(Clone)]
pub struct Built(pub(crate) Arc<dyn DynResource>);

impl Built {
    /// Warnings about what was declared: a code and a message each.
    pub fn warnings(&self) -> Vec<(&'static str, String)> {
        self.0.warnings()
    }
}

/// Kinds by name.
#[derive(Clone)]
pub struct Registry {
    kinds: Arc<BTreeMap<&'static str, Registered>>,
}

/// The schema is made on first use: a start pays only for the kinds that it meets.
struct Registered {
    kind: Kind,
    schema: OnceLock<KindSchema>,
}

impl Registry {
    /// The kinds of a list; a later one of the same name replaces an earlier one.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let kinds = kinds.into_iter().map(|kind| (kind.name, Registered { kind, schema: OnceLock::new() }));
        Self { kinds: Arc::new(kinds.collect()) }
    }

    /// The parameters, outputs and documentation of a kind.
    pub fn schema(&self, kind: &str) -> Option<&KindSchema> {
        let registered = self.kinds.get(kind)?;
        Some(registered.schema.get_or_init(registered.kind.make_schema))
    }

    /// The names of all kinds, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }

    /// Makes the resource of a declaration, or says all that is wrong with it; a hidden one is not read.
    pub fn build(&self, decl: &ResourceDecl) -> Result<Built, Vec<Diagnostic>> {
        let Some(registered) = self.kinds.get(decl.id.kind.as_str()) else {
            let message = format!("there is no kind `{}`", decl.id.kind);
            return Err(vec![
                Diagnostic::error(codes::UNKNOWN_KIND, Stage::Catalog, message).at(decl.origin),
            ]);
        };
        // A mistake of one kind must not end the engine. What it says may hold secrets.
        let built = catch_unwind(|| (registered.kind.build)(decl)).unwrap_or_else(|_| {
            Err(vec![ParamError::new("the program itself failed while it read these parameters")])
        });
        if built.is_err() && decl.meta.hidden {
            return Ok(Built(Arc::new(Unread)));
        }
        built.map(Built).map_err(|errors| errors.into_iter().map(|error| diagnostic(decl, error)).collect())
    }
}

fn diagnostic(decl: &ResourceDecl, error: ParamError) -> Diagnostic {
    let secrets = decl.params.secrets();
    let span = error.param.map_or(decl.origin, |param| decl.span_of(param));
    let mut diagnostic = Diagnostic::error(
        codes::INVALID_PARAM,
        Stage::Catalog,
        format!("{}: {}", decl.id, redact(&error.message, &secrets)),
    )
    .at(span);
    for place in decl.given_at.iter().filter(|place| Some(**place) != span) {
        diagnostic = diagnostic.label(*place, "given here");
    }
    diagnostic.help = error.help.map(|help| redact(&help, &secrets));
    diagnostic
}

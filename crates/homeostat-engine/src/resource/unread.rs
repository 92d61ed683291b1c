//! A hidden resource whose parameters its kind would refuse: nobody looks at it, so nobody needs them to be right. Where it is
//! collected, or shown, they are read then.

use std::sync::Arc;

use super::{Applied, Check, Context, Failure, NoDrift, ParamError, Resource};

pub(crate) struct Unread;

impl Resource for Unread {
    const KIND: &'static str = "";
    const DOC: &'static str = "";

    type Params = ();
    type Drift = NoDrift;
    type Prefetched = ();

    fn new(_: &Arc<str>, (): ()) -> Result<Self, Vec<ParamError>> {
        Ok(Self)
    }

    async fn check(&self, _: &Context<'_>) -> Result<Check<NoDrift>, Failure> {
        Err(Failure::permanent("it is hidden"))
    }

    async fn apply(&self, _: &Context<'_>, drift: NoDrift) -> Result<Applied, Failure> {
        match drift {}
    }
}

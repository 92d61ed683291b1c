//! Large graphs.

use std::num::NonZeroU32;
use std::sync::Arc;

use homeostat_engine::{EngineOptions, Outcome};
use homeostat_model::catalog::EdgeDecl;
use homeostat_model::meta::Semaphore;
use homeostat_model::{Meta, Params, ResourceDecl, ResourceId};

use crate::script::{Rig, catalog, id, want};

fn calm(count: u32) -> Vec<ResourceDecl> {
    (0..count).map(|number| ResourceDecl::new(calm_id(number), Params::new())).collect()
}

fn calm_id(number: u32) -> ResourceId {
    ResourceId::new("calm", number.to_string())
}

#[tokio::test]
async fn two_hundred_thousand_resources_load_and_settle() {
    let rig = Rig::start("many", EngineOptions::default()).await;
    rig.load(catalog(calm(200_000))).await;
    assert_eq!(rig.engine.progress().borrow().totals.unchanged, 200_000);
}

#[tokio::test]
async fn a_chain_of_a_hundred_thousand_does_not_overflow_a_stack() {
    let rig = Rig::start("chain", EngineOptions::default()).await;
    let mut chain = catalog(calm(100_000));
    let backwards = (1..100_000).map(|number| EdgeDecl::before(calm_id(number), calm_id(number - 1)));
    chain.edges = backwards.collect();
    rig.load(chain).await;
    assert_eq!(rig.engine.progress().borrow().totals.unchanged, 100_000);
    let status = rig.engine.status().await;
    assert!(status.iter().all(|status| status.outcome == Outcome::Unchanged));
}

#[tokio::test]
async fn many_before_one_and_one_before_many_settle() {
    let rig = Rig::start("fan", EngineOptions::default()).await;
    let mut fan = catalog(calm(60_001));
    let middle = 30_000;
    fan.edges.extend((0..middle).map(|number| EdgeDecl::before(calm_id(number), calm_id(middle))));
    fan.edges.extend((middle + 1..=60_000).map(|number| EdgeDecl::before(calm_id(middle), calm_id(number))));
    rig.load(fan).await;
    assert_eq!(rig.engine.progress().borrow().totals.unchanged, 60_001);
}

#[tokio::test]
async fn ten_thousand_that_notify_one_and_share_a_semaphore_settle() {
    let count = 10_000;
    let rig = Rig::start("notify", EngineOptions::default()).await;
    let name = |number: usize| number.to_string();
    let mut many = catalog((0..=count).map(|number| rig.script(&name(number), &[want("x")])).collect());
    let semaphores = vec![Semaphore { name: "one".into(), count: NonZeroU32::MIN }];
    let meta = Arc::new(Meta { semaphores, ..Meta::default() });
    many.resources.iter_mut().for_each(|decl| decl.meta = meta.clone());
    many.edges = (0..count).map(|number| EdgeDecl::notify(id(&name(number)), id(&name(count)))).collect();
    rig.load(many).await;
    assert_eq!(rig.engine.progress().borrow().totals.changed, count + 1);
    let refreshes = rig.world.take_log().into_iter().filter(|line| line.starts_with("refresh"));
    assert_eq!(refreshes.count(), 1);
}

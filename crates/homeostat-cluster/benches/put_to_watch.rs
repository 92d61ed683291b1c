//! From a put to its watcher, and a put alone: through the store, and with etcd's client bare.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use etcd_client::{Client, WatchOptions};
use homeostat_cluster::testing::EtcdServer;
use homeostat_cluster::{EtcdOptions, EtcdStore};
use homeostat_engine::Store;

const ROUNDS: usize = 5;
const PUTS: usize = 1000;

fn main() {
    let Some(server) = EtcdServer::start() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = EtcdStore::new(EtcdOptions::new([server.url()])).unwrap();
        let mut bare = Client::connect([server.url()], None).await.unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        // In turns, so that both meet the same noise.
        for _ in 0..ROUNDS {
            theirs.push(bare_round(&mut bare).await);
            ours.push(store_round(&store).await);
        }
        let (bare, store) = (median(theirs), median(ours));
        println!("put to watch, {ROUNDS} rounds of {PUTS}, medians");
        for (what, at) in [("put to watch p50", 0), ("put to watch p99", 1), ("put p50", 2), ("put p99", 3)] {
            let ratio = store[at].as_secs_f64() / bare[at].as_secs_f64();
            println!("  {what:17} etcd {:>8.3?}  store {:>8.3?}  ratio {ratio:.2}", bare[at], store[at]);
        }
    });
}

async fn bare_round(client: &mut Client) -> [Duration; 4] {
    let options = WatchOptions::new().with_prefix();
    let mut watch = client.watch("/bare/", Some(options)).await.unwrap();
    watch.message().await.unwrap();
    let (mut seen, mut done) = (Vec::new(), Vec::new());
    for at in 0..PUTS {
        let start = Instant::now();
        let put = async {
            client.put("/bare/kv/one/a", at.to_string(), None).await.unwrap();
            done.push(start.elapsed());
        };
        let see = async {
            watch.message().await.unwrap();
            seen.push(start.elapsed());
        };
        tokio::join!(put, see);
    }
    [quantile(&mut seen, 50), quantile(&mut seen, 99), quantile(&mut done, 50), quantile(&mut done, 99)]
}

async fn store_round(store: &EtcdStore) -> [Duration; 4] {
    let (_, revision) = store.range("kv/").await.unwrap();
    let mut watching = store.watch("kv/", revision).await.unwrap();
    let (mut seen, mut done) = (Vec::new(), Vec::new());
    for at in 0..PUTS {
        let start = Instant::now();
        let text = at.to_string();
        let put = async {
            store.put("kv/one/a", text.as_bytes(), None).await.unwrap();
            done.push(start.elapsed());
        };
        let see = async {
            watching.recv().await.unwrap();
            seen.push(start.elapsed());
        };
        tokio::join!(put, see);
    }
    [quantile(&mut seen, 50), quantile(&mut seen, 99), quantile(&mut done, 50), quantile(&mut done, 99)]
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() - 1) * percent / 100]
}

fn median(rounds: Vec<[Duration; 4]>) -> [Duration; 4] {
    [0, 1, 2, 3].map(|at| quantile(&mut rounds.iter().map(|round| round[at]).collect::<Vec<_>>(), 50))
}

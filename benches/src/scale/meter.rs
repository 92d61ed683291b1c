//! What the etcds counted: their own metrics, looked at a few times a second, so that peaks are seen and a restart loses little.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two looks.
const LOOKS: Duration = Duration::from_millis(250);
/// An etcd that does not answer for so long is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// The counters that are summed up over the members, by what their names begin with.
const MESSAGES_IN: &str = "grpc_server_msg_received_total";
const MESSAGES_OUT: &str = "grpc_server_msg_sent_total";
const BYTES_IN: &str = "etcd_network_client_grpc_received_bytes_total";
const BYTES_OUT: &str = "etcd_network_client_grpc_sent_bytes_total";
const LEASES_EXPIRED: &str = "etcd_debugging_server_lease_expired_total";
const CPU: &str = "process_cpu_seconds_total";
const COUNTERS: [&str; 6] = [MESSAGES_IN, MESSAGES_OUT, BYTES_IN, BYTES_OUT, LEASES_EXPIRED, CPU];

/// What happened at all members together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    /// From clients: requests, and what they say in streams.
    pub(crate) messages_in: f64,
    /// To clients: answers, and what watches are told.
    pub(crate) messages_out: f64,
    /// The same as bytes, as etcd counts them: without the framing of HTTP and TLS.
    pub(crate) bytes_in: f64,
    pub(crate) bytes_out: f64,
    pub(crate) leases_expired: f64,
    /// Seconds of processor time.
    pub(crate) cpu: f64,
    /// Messages from and to clients within one second, at most.
    pub(crate) peak_in: f64,
    pub(crate) peak_out: f64,
}

/// Looks at the members until it is dropped.
pub(crate) struct Meter {
    counting: Arc<Mutex<Counting>>,
    ports: Vec<u16>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Counting {
    /// What each member said last; none of one that is away.
    last: BTreeMap<u16, (Instant, [f64; COUNTERS.len()])>,
    total: Counted,
}

impl Meter {
    /// Of the members with their metrics at these ports.
    pub(crate) async fn start(ports: Vec<u16>) -> Self {
        let counting = Arc::default();
        let mut task = JoinSet::new();
        look(&counting, &ports).await;
        task.spawn({
            let (counting, ports) = (Arc::clone(&counting), ports.clone());
            async move {
                let mut ticks = interval(LOOKS);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    look(&counting, &ports).await;
                }
            }
        });
        Self { counting, ports, _task: task }
    }

    /// What happened since it was asked last.
    pub(crate) async fn take(&self) -> Counted {
        look(&self.counting, &self.ports).await;
        std::mem::take(&mut lock(&self.counting).total)
    }
}

async fn look(counting: &Mutex<Counting>, ports: &[u16]) {
    let mut rates = [0.0, 0.0];
    for port in ports {
        let now = match timeout(PATIENCE, read(*port)).await {
            Ok(Ok(now)) => now,
            // Whoever starts again counts from nothing.
            Ok(Err(_)) | Err(_) => {
                lock(counting).last.insert(*port, (Instant::now(), [0.0; COUNTERS.len()]));
                continue;
            }
        };
        let mut counting = lock(counting);
        let Some((at, before)) = counting.last.insert(*port, (Instant::now(), now)) else { continue };
        let since = |at: usize| if now[at] < before[at] { now[at] } else { now[at] - before[at] };
        let total = &mut counting.total;
        total.messages_in += since(0);
        total.messages_out += since(1);
        total.bytes_in += since(2);
        total.bytes_out += since(3);
        total.leases_expired += since(4);
        total.cpu += since(5);
        let seconds = at.elapsed().as_secs_f64();
        // Two looks right after each other tell nothing of a second.
        if seconds > LOOKS.as_secs_f64() / 2.0 {
            rates[0] += since(0) / seconds;
            rates[1] += since(1) / seconds;
        }
    }
    let total = &mut lock(counting).total;
    total.peak_in = total.peak_in.max(rates[0]);
    total.peak_out = total.peak_out.max(rates[1]);
}

fn lock(counting: &Mutex<Counting>) -> MutexGuard<'_, Counting> {
    counting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(port: u16) -> std::io::Result<[f64; COUNTERS.len()]> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let mut sums = [0.0; COUNTERS.len()];
    for line in text.lines() {
        let of = COUNTERS
            .iter()
            .position(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        if let (Some(of), Some(value)) = (of, value) {
            sums[of] += value;
        }
    }
    Ok(sums)
}

//! The program that measures many agents, in a short form: how long anything takes decides nothing.

use std::process::Command;

use homeostat_cluster::testing::etcd_is_installed;

#[test]
fn a_fleet_converges_keeps_its_files_and_its_leases_whatever_happens_to_its_store() {
    if !etcd_is_installed() {
        return;
    }
    let form = ["--agents", "12", "--collect", "all", "--away", "5", "--idle", "1", "--within", "120"];
    let done = Command::new(env!("CARGO_BIN_EXE_homeostat-scale")).args(form).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}

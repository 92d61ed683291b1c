//! `net`: addresses, and the interfaces of this machine; `net/http`: what was heard by HTTP.

mod address;
mod url;

use super::args::Args;
use super::datetime::field;
use super::declaration::{Function, Site, answer, gives, told};
use super::error::{Error, Result};
use super::sources::SourceRequest;
use crate::value::Value;

const TEXT_TO_TEXT: &[&str] = &["func(a str) str"];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "net.cidr_to_ip",
        TEXT_TO_TEXT,
        "The address in `address/prefix`. Whatever else can be caught.",
        &[
            gives("net.cidr_to_ip(\"192.0.2.12/24\")", "\"192.0.2.12\""),
            gives("net.cidr_to_ip(\"192.0.2.12\")", "error: invalid CIDR address: 192.0.2.12"),
        ],
        |args| Ok(Value::from(address::Cidr::parse(args.str(0)?.trim())?.ip().to_string())),
    ),
    Function::pure(
        "net.cidr_to_prefix",
        TEXT_TO_TEXT,
        "The length of the prefix in `address/prefix`. Whatever else can be caught.",
        &[gives("net.cidr_to_prefix(\"192.0.2.12/24\")", "\"24\"")],
        |args| Ok(Value::from(address::Cidr::parse(args.str(0)?.trim())?.prefix().to_string())),
    ),
    Function::pure(
        "net.cidr_to_mask",
        TEXT_TO_TEXT,
        "The mask of `address/prefix`, written as an address. Whatever else can be caught.",
        &[gives("net.cidr_to_mask(\"192.0.2.12/20\")", "\"255.255.240.0\"")],
        |args| Ok(Value::from(address::Cidr::parse(args.str(0)?.trim())?.mask().to_string())),
    ),
    Function::pure(
        "net.cidr_to_network",
        TEXT_TO_TEXT,
        "The network of `address/prefix`, in the same form. Whatever else can be caught.",
        &[gives("net.cidr_to_network(\"10.1.2.3/8\")", "\"10.0.0.0/8\"")],
        |args| {
            let cidr = address::Cidr::parse(args.str(0)?.trim())?;
            Ok(Value::from(format!("{}/{}", cidr.network(), cidr.prefix())))
        },
    ),
    Function::pure(
        "net.cidr_to_first",
        TEXT_TO_TEXT,
        "The first address for a host in the network of `address/prefix`. Whatever else can be caught.",
        &[gives("net.cidr_to_first(\"192.0.2.12/24\")", "\"192.0.2.1\"")],
        |args| Ok(Value::from(address::Cidr::parse(args.str(0)?)?.first().to_string())),
    ),
    Function::pure(
        "net.cidr_to_last",
        TEXT_TO_TEXT,
        "The last address for a host in the network of `address/prefix`. Whatever else can be caught.",
        &[gives("net.cidr_to_last(\"192.0.2.12/24\")", "\"192.0.2.254\"")],
        |args| Ok(Value::from(address::Cidr::parse(args.str(0)?)?.last().to_string())),
    ),
    Function::pure(
        "net.ip_in_cidr",
        &["func(ip str, cidr str) bool"],
        "Whether the address is in the network. What is none of them can be caught.",
        &[
            gives("net.ip_in_cidr(\"192.0.2.7\", \"192.0.2.0/24\")", "true"),
            gives("net.ip_in_cidr(\"2001:db8::1\", \"192.0.2.0/24\")", "false"),
        ],
        |args| {
            let ip = args.str(0)?;
            let ip = ip.parse().map_err(|_| Error::catchable(format!("invalid IP address: {ip}")))?;
            Ok(Value::Bool(address::Cidr::parse(args.str(1)?)?.contains(ip)))
        },
    ),
    Function::pure(
        "net.is_mac",
        &["func(mac str) bool"],
        "Whether it is a hardware address in small letters with colons.",
        &[
            gives("net.is_mac(\"00:00:5e:00:53:01\")", "true"),
            gives("net.is_mac(\"00-00-5E-00-53-01\")", "false"),
        ],
        |args| {
            let text = args.str(0)?;
            Ok(Value::Bool(address::mac(text, ":").is_ok_and(|canonical| canonical == text)))
        },
    ),
    Function::pure(
        "net.macfmt",
        TEXT_TO_TEXT,
        "A hardware address in small letters with colons. Whatever else can be caught.",
        &[gives("net.macfmt(\"00-00-5E-00-53-01\")", "\"00:00:5e:00:53:01\"")],
        |args| address::mac(args.str(0)?, ":").map(Value::from),
    ),
    Function::pure(
        "net.oldmacfmt",
        TEXT_TO_TEXT,
        "A hardware address in small letters with dashes. Whatever else can be caught.",
        &[gives("net.oldmacfmt(\"00:00:5E:00:53:01\")", "\"00-00-5e-00-53-01\"")],
        |args| address::mac(args.str(0)?, "-").map(Value::from),
    ),
    Function::pure(
        "net.split_hostport",
        &["func(a str) struct{host str; port str}"],
        "Host and port of `host:port` or `[address]:port`. Whatever else can be caught.",
        &[
            gives("net.split_hostport(\"[::1]:80\")", "struct{host: \"::1\"; port: \"80\"}"),
            gives("net.split_hostport(\"localhost\")", "error: address localhost: missing port in address"),
        ],
        |args| {
            let (host, port) = address::split_host_port(args.str(0)?)?;
            Ok(Value::structure([("host", Value::from(host)), ("port", Value::from(port))]))
        },
    ),
    Function::pure(
        "net.url_parser",
        &["func(url str) struct{scheme str; host str; path str; raw_query str}"],
        "The parts of a URL. One without a scheme can be caught, and so can what is none.",
        &[
            gives(
                "net.url_parser(\"https://example.org/a%20b?q=1#x\")",
                "struct{scheme: \"https\"; host: \"example.org\"; path: \"/a b\"; raw_query: \"q=1\"}",
            ),
            gives("net.url_parser(\"/a\")", "error: empty scheme"),
        ],
        |args| {
            let url = url::parse(args.str(0)?).map_err(Error::catchable)?;
            Ok(Value::structure([
                ("scheme", Value::from(url.scheme)),
                ("host", Value::from(url.host)),
                ("path", Value::from(url.path)),
                ("raw_query", Value::from(url.raw_query)),
            ]))
        },
    ),
    Function::source(
        "net.macs",
        &["func() []str"],
        "The hardware addresses of this machine.",
        &[told(
            "net.macs()",
            "[struct{name: \"eth0\"; mac: \"00:00:5e:00:53:01\"; cidrs: []; wired: true}, \
             struct{name: \"lo\"; mac: \"\"; cidrs: []; wired: false}]",
            "[\"00:00:5e:00:53:01\"]",
        )],
        interfaces,
        |_, _, found| {
            let macs: Result<Vec<_>> = each(found)?.iter().map(|one| field(one, "mac").cloned()).collect();
            Ok(Value::list(macs?.into_iter().filter(|mac| mac.as_str() != Some(""))))
        },
    ),
    Function::source(
        "net.interface_cidr",
        &["func(interface str) str"],
        "The first address of an interface, as `address/prefix`.",
        &[told(
            "net.interface_cidr(\"eth0\")",
            "[struct{name: \"eth0\"; mac: \"\"; cidrs: [\"192.0.2.12/24\"]; wired: true}]",
            "\"192.0.2.12/24\"",
        )],
        interfaces,
        |_, args, found| {
            let name = args.str(0)?;
            let found =
                each(found)?.iter().find(|one| one.field("name").and_then(Value::as_str) == Some(name));
            let one = found.ok_or_else(|| Error::permanent(format!("there is no interface `{name}`")))?;
            let first = each(field(one, "cidrs")?)?.first();
            first.cloned().ok_or_else(|| Error::permanent(format!("the interface `{name}` has no address")))
        },
    ),
    Function::source(
        "net.wired_interface",
        &["func() str"],
        "The name of the only wired interface.",
        &[told(
            "net.wired_interface()",
            "[struct{name: \"eth0\"; mac: \"\"; cidrs: []; wired: true}]",
            "\"eth0\"",
        )],
        interfaces,
        |_, _, found| {
            let is_wired = |one: &&Value| matches!(one.field("wired"), Some(Value::Bool(true)));
            let wired: Vec<&Value> = each(found)?.iter().filter(is_wired).collect();
            match wired.as_slice() {
                [one] => field(one, "name").cloned(),
                others => {
                    Err(Error::permanent(format!("there are {} wired interfaces, not one", others.len())))
                }
            }
        },
    ),
    Function::source(
        "net/http.response",
        &["func(uid str) struct{status int; output str}"],
        "What the request of that name was answered. There is no kind that makes such requests here: `status` stays 0.",
        &[told(
            "http.response(\"a\")",
            "struct{status: 200; output: \"ok\"}",
            "struct{status: 200; output: \"ok\"}",
        )],
        |_, args| Ok(SourceRequest::HttpResponse { uid: args.text(0)?.clone() }),
        answer,
    ),
];

fn interfaces(_: &Site<'_>, _: Args<'_>) -> Result<SourceRequest> {
    Ok(SourceRequest::Interfaces)
}

fn each(list: &Value) -> Result<&Vec<Value>> {
    Args(std::slice::from_ref(list)).list(0).map(|list| &**list)
}

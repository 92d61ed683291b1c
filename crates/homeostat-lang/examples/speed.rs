use std::time::Instant;
fn main() {
    let list: String = (0..100_000).map(|n| format!("\t\"item {n}\",\n")).collect();
    let texts = [
        ("100k strings", format!("$x = [\n{list}]\n")),
        (
            "100k ints on a line",
            format!("$x = [{}]\n", (0..100_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")),
        ),
        (
            "map 100k",
            format!(
                "$x = {{\n{}}}\n",
                (0..100_000).map(|n| format!("\t\"k{n}\" => {n},\n")).collect::<String>()
            ),
        ),
        (
            "resources 5MB",
            "file \"/tmp/x\" {\n\tcontent => \"a\" + $b, # why\n\tmode => \"0644\",\n}\n".repeat(80_000),
        ),
        (
            "resources 10MB",
            "file \"/tmp/x\" {\n\tcontent => \"a\" + $b, # why\n\tmode => \"0644\",\n}\n".repeat(160_000),
        ),
        ("reference x 2000", include_str!("../tests/programs/reference.mcl").repeat(2000)),
    ];
    for (name, text) in texts {
        let mb = text.len() as f64 / 1e6;
        let t = Instant::now();
        let parsed = homeostat_lang::syntax::parse(&text, homeostat_model::SourceId(0));
        let a = t.elapsed().as_secs_f64();
        drop(parsed);
        let t = Instant::now();
        let p = homeostat_lang::ast::parse(&text, homeostat_model::SourceId(0));
        let b = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let f = homeostat_lang::format::format(&text, homeostat_model::SourceId(0));
        let c = t.elapsed().as_secs_f64();
        println!(
            "{name}: {mb:.1} MB; tree {:.0} ms {:.1} MB/s; program {:.0} ms {:.1} MB/s; fmt {:.0} ms {:.1} MB/s; {} {}",
            a * 1e3,
            mb / a,
            b * 1e3,
            mb / b,
            c * 1e3,
            mb / c,
            p.diagnostics.len(),
            f.is_ok()
        );
    }
}

//! Programs that are right: all forms are read, and what is canonical stays as it is.

mod common;

use common::{is_formatted, is_read};
use homeostat_lang::ast::{self, Callee, ExprId, ExprKind, Piece, Program, StatementKind};
use homeostat_lang::format;
use homeostat_model::SourceId;

const REFERENCE: &str = include_str!("programs/reference.mcl");

#[test]
fn every_form_of_the_language_is_read_and_stays_as_it_is() {
    let parsed = ast::parse(REFERENCE, SourceId(0));
    assert_eq!(parsed.diagnostics, []);
    is_read(REFERENCE);
    is_formatted(REFERENCE);
    let formatted = format::format(REFERENCE, SourceId(0));
    assert_eq!(formatted.as_deref(), Ok(REFERENCE));
}

#[test]
fn what_is_loose_is_made_canonical() {
    for (loose, canonical) in [
        ("", ""),
        ("\n\n# only\n\n", "# only\n"),
        ("$x=[ ]\n", "$x = []\n"),
        ("$x = [\n\n]\n", "$x = []\n"),
        ("$x = [\n# c\n]\n", "$x = [\n\t# c\n]\n"),
        ("test \"x\" { a=>1, # t\nb => 2 , }\n", "test \"x\" {\n\ta => 1, # t\n\tb => 2,\n}\n"),
        ("if $c {\n\n} else {\n}\n", "if $c {} else {}\n"),
        ("$x = if $c {\n1 } else { 2 }\n", "$x = if $c {\n\t1\n} else {\n\t2\n}\n"),
        ("$x = 007 + 1.50\n", "$x = 7 + 1.5\n"),
        ("$x=f( g(\n1,\n) )\n", "$x = f(g(\n\t1,\n))\n"),
        ("$x = not( $a )\n", "$x = not ($a)\n"),
        ("$s = $a -> b<|>$c [ 0 ]\n", "$s = $a->b <|> $c[0]\n"),
        ("Test[ \"a\" ]->Test[\"b\"]\n", "Test[\"a\"] -> Test[\"b\"]\n"),
        ("$f=func ( $a ,$b int)int{ $a }\n", "$f = func($a, $b int) int { $a }\n"),
        ("$x struct {a int;b map {str : [] int}}=$y\n", "$x struct{a int; b map{str: []int}} = $y\n"),
    ] {
        assert_eq!(format::format(loose, SourceId(0)).as_deref(), Ok(canonical), "{loose}");
        is_formatted(loose);
    }
}

/// What a text means, with parentheses around everything that has parts.
fn means(expr: &str) -> String {
    let parsed = ast::parse(&format!("$x = {expr}\n"), SourceId(0));
    assert_eq!(parsed.diagnostics, [], "{expr}");
    let first = parsed.program.body.statements[0];
    match &parsed.program.statement(first).kind {
        StatementKind::Bind(bind) => show(&parsed.program, bind.value),
        other => panic!("{other:?}"),
    }
}

fn show(program: &Program, id: ExprId) -> String {
    let of = |id: &ExprId| show(program, *id);
    match &program.expr(id).kind {
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => value.to_string(),
        ExprKind::Str(value) => format!("{value:?}"),
        ExprKind::Variable(name) => format!("${name}"),
        ExprKind::Not(inner) => format!("(not {})", of(inner)),
        ExprKind::Binary(op, _, left, right) => format!("({} {} {})", of(left), op.as_str(), of(right)),
        ExprKind::Except(left, right) => format!("({} <|> {})", of(left), of(right)),
        ExprKind::Field(inner, name) => format!("{}->{}", of(inner), name.text),
        ExprKind::FieldOr(inner, name, other) => format!("({}->{} <|> {})", of(inner), name.text, of(other)),
        ExprKind::Index(inner, index) => format!("{}[{}]", of(inner), of(index)),
        ExprKind::Call(Callee::Named(name), args) => {
            let args: Vec<_> = args.iter().map(|arg| of(&arg.value)).collect();
            format!("{}({})", name.text, args.join(", "))
        }
        ExprKind::Interpolated(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => format!("{text:?}"),
                Piece::Variable(id) => format!("<{}>", of(id)),
                Piece::Printed(id) => format!("<<{}>>", of(id)),
            })
            .collect(),
        other => format!("{other:?}"),
    }
}

#[test]
fn operators_bind_as_strongly_as_the_reference_says() {
    for (expr, meaning) in [
        ("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"),
        ("8 / 4 % 3 * 2", "(((8 / 4) % 3) * 2)"),
        ("5 - -3", "(5 - -3)"),
        ("not $a == $b", "((not $a) == $b)"),
        ("not not $a and $b or $c", "(((not (not $a)) and $b) or $c)"),
        ("$a < 1 and $b in $c", "(($a < 1) and ($b in $c))"),
        ("$a <|> $b <|> $c or $d", "(($a <|> $b) <|> ($c or $d))"),
        ("$s->x->y[0]->z", "$s->x->y[0]->z"),
        ("$l[0][1]->k", "$l[0][1]->k"),
        ("$s->f <|> $a + 1", "($s->f <|> ($a + 1))"),
        ("$s->f <|> $a <|> $b", "(($s->f <|> $a) <|> $b)"),
        ("1 + $s->f <|> 2 + 3", "(1 + ($s->f <|> (2 + 3)))"),
        ("($s->f) <|> 1", "($s->f <|> 1)"),
        ("$s->f <|> $t->g <|> 1", "($s->f <|> ($t->g <|> 1))"),
        ("map.keys(collect.res(\"x\"))", "map.keys(collect.res(\"x\"))"),
        ("\"a${b.c}\\t${n + 1}${f(n)}$d\"", "\"a\"<$b.c>\"\\t\"<<($n + 1)>><<f($n)>>\"$d\""),
        ("\"${x}\"", "<$x>"),
        ("\"${m[\\\"a\\\"]}\"", "<<$m[\"a\"]>>"),
    ] {
        assert_eq!(means(expr), meaning, "{expr}");
    }
}

#[test]
fn a_parenthesized_field_has_a_plain_fallback() {
    let parsed = ast::parse("$x = ($s->f) <|> 1\n", SourceId(0));
    assert!(parsed.program.exprs().iter().any(|expr| matches!(expr.kind, ExprKind::Except(..))));
}

#[test]
fn classes_with_colons_lie_in_the_class_that_they_name() {
    let text = "class a {}\nclass a:b:c {}\nclass a:b {}\nclass x:y {}\n";
    let program = ast::parse(text, SourceId(0)).program;
    let name = |id: &ast::StatementId| match &program.statement(*id).kind {
        StatementKind::Class(class) => (class.name.text.to_string(), class.body.statements.clone()),
        other => panic!("{other:?}"),
    };
    let top: Vec<_> = program.body.statements.iter().map(name).collect();
    assert_eq!(top.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "x:y"]);
    let (b, in_b) = name(&top[0].1[0]);
    assert_eq!(b, "b");
    assert_eq!(name(&in_b[0]).0, "c");
}

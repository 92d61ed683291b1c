//! What a piece of text can be: tokens, which the lexer finds, and the things made of them, which the parser finds.

use logos::Logos;

/// How strings of a text are to be read.
#[derive(Debug, Default, Clone, Copy)]
pub struct Strings {
    /// A string was found that does not end. No later one can end beyond its line, so none is looked for there.
    pub(super) end_at_line: bool,
    /// Where a string begins whose end was forgotten: it is taken to end with its line.
    pub(super) forgotten: Option<usize>,
}

macro_rules! kinds {
    ($($(#[$attribute:meta])* $name:ident,)+) => {
        /// The kind of a token or of a part of the tree.
        #[derive(Logos, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[logos(extras = Strings)]
        #[repr(u16)]
        #[allow(missing_docs, reason = "they say what they are")]
        pub enum SyntaxKind {
            $($(#[$attribute])* $name,)+
        }

        const KINDS: &[SyntaxKind] = &[$(SyntaxKind::$name),+];
    };
}

kinds! {
    #[regex(r"[ \t]+")]
    Whitespace,
    #[regex(r"#[^\n]*", allow_greedy = true)]
    Comment,
    #[token("\n")]
    Newline,

    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,

    #[token("?:")]
    Elvis,
    #[token("<|>")]
    Except,
    #[token("=>")]
    Rocket,
    #[token("->")]
    Arrow,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(";")]
    Semicolon,
    #[token(".")]
    Dot,
    #[token("$")]
    Dollar,
    #[token("=")]
    Equals,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("==")]
    EqualsEquals,
    #[token("!=")]
    NotEquals,
    #[token("<")]
    Less,
    #[token(">")]
    Greater,
    #[token("<=")]
    LessEquals,
    #[token(">=")]
    GreaterEquals,

    #[token("if")]
    IfWord,
    #[token("else")]
    ElseWord,
    #[token("for")]
    ForWord,
    #[token("forkv")]
    ForkvWord,
    #[token("in")]
    InWord,
    #[token("and")]
    AndWord,
    #[token("or")]
    OrWord,
    #[token("not")]
    NotWord,
    #[token("bool")]
    BoolWord,
    #[token("str")]
    StrWord,
    #[token("int")]
    IntWord,
    #[token("float")]
    FloatWord,
    #[token("map")]
    MapWord,
    #[token("struct")]
    StructWord,
    #[token("func")]
    FuncWord,
    #[token("variant")]
    VariantWord,
    #[token("class")]
    ClassWord,
    #[token("include")]
    IncludeWord,
    #[token("import")]
    ImportWord,
    #[token("as")]
    AsWord,
    #[token("collect")]
    CollectWord,
    #[token("panic")]
    PanicWord,

    #[token("true")]
    #[token("false")]
    Bool,
    #[token("\"", string)]
    String,
    #[regex(r"-?[0-9]+")]
    Integer,
    #[regex(r"-?[0-9]+\.[0-9]+")]
    Float,
    #[regex(r"[a-z]([a-z0-9_]*[a-z0-9])?")]
    Identifier,
    #[regex(r"[A-Z]([a-z0-9_]*[a-z0-9])?")]
    Capitalized,
    /// Passed over, as what else would be said of every line.
    CarriageReturn,
    /// Text between the quotes of other languages.
    #[regex(r"('[^'\n]*')+")]
    #[regex(r"`[^`\n]*`")]
    #[regex(r"[“”„][^“”\n]*[“”]")]
    WrongString,
    /// A comment of other languages, passed over as one.
    #[regex(r"//[^\n]*", allow_greedy = true)]
    #[regex(r"/\*([^*]|\*+[^*/])*\*+/")]
    WrongComment,
    /// Text that is no token.
    Unknown,
    /// Nothing follows.
    End,

    File,
    Block,
    Bind,
    Panic,
    Collect,
    Resource,
    KindName,
    ResourceBody,
    Field,
    EdgeField,
    MetaField,
    MetaStruct,
    EdgeStatement,
    EdgeHalf,
    EdgeKind,
    IfStatement,
    For,
    Forkv,
    FuncDef,
    Class,
    ClassName,
    Include,
    Import,

    Params,
    Param,
    Args,
    NamedArg,
    FuncBody,

    Literal,
    List,
    Map,
    MapEntry,
    Struct,
    StructField,
    ListComprehension,
    MapComprehension,
    ComprehensionFor,
    ComprehensionIf,
    Lambda,
    Variable,
    Name,
    Call,
    CallValue,
    Paren,
    IfExpr,
    ExprBlock,
    Binary,
    Not,
    Index,
    FieldAccess,
    FieldOr,
    ExceptExpr,

    Test,
    Given,
    GivenBody,
    GivenEntry,
    Expect,

    NamedType,
    ListType,
    MapType,
    StructType,
    StructTypeField,
    FuncType,
    FuncTypeArg,

    /// Text that could not be understood.
    Error,
}

use SyntaxKind as K;

/// Takes the rest of a string. One that does not end is taken to end with its line.
fn string(lexer: &mut logos::Lexer<'_, SyntaxKind>) -> bool {
    let rest = lexer.remainder();
    let line = || rest.find('\n').unwrap_or(rest.len());
    if lexer.extras.forgotten == Some(lexer.span().start) {
        let taken = line();
        lexer.bump(taken);
        return false;
    }
    let within = if lexer.extras.end_at_line { &rest[..line()] } else { rest };
    let mut escaped = false;
    let end = within.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let taken = end.map_or_else(line, |at| at + 1);
    lexer.bump(taken);
    lexer.extras.end_at_line |= end.is_none();
    end.is_some()
}

impl SyntaxKind {
    /// Whether the parser passes over it.
    pub fn is_trivia(self) -> bool {
        matches!(self, K::Whitespace | K::Comment | K::WrongComment | K::CarriageReturn)
    }

    /// Whether a type can begin with it.
    pub(crate) fn starts_type(self) -> bool {
        matches!(
            self,
            K::BoolWord
                | K::StrWord
                | K::IntWord
                | K::FloatWord
                | K::VariantWord
                | K::OpenBracket
                | K::MapWord
                | K::StructWord
                | K::FuncWord
        )
    }

    /// Whether it is an expression.
    pub fn is_expr(self) -> bool {
        matches!(
            self,
            K::Literal
                | K::List
                | K::Map
                | K::Struct
                | K::ListComprehension
                | K::MapComprehension
                | K::Lambda
                | K::Variable
                | K::Call
                | K::CallValue
                | K::Paren
                | K::IfExpr
                | K::Binary
                | K::Not
                | K::Index
                | K::FieldAccess
                | K::FieldOr
                | K::ExceptExpr
        )
    }

    /// Whether it is a type.
    pub fn is_type(self) -> bool {
        matches!(self, K::NamedType | K::ListType | K::MapType | K::StructType | K::FuncType)
    }

    /// Whether it is a statement.
    pub fn is_statement(self) -> bool {
        matches!(
            self,
            K::Bind
                | K::Panic
                | K::Collect
                | K::Resource
                | K::EdgeStatement
                | K::IfStatement
                | K::For
                | K::Forkv
                | K::FuncDef
                | K::Class
                | K::Include
                | K::Import
        )
    }

    /// Whether it is a word that has a meaning of its own.
    pub(crate) fn is_word(self) -> bool {
        self.spelling().is_some_and(|spelling| spelling.as_bytes()[1].is_ascii_lowercase())
    }

    /// What people call it, with an article where it wants one.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            K::Newline => "the end of the line",
            K::End => "the end of the file",
            K::String => "a string",
            K::Integer | K::Float => "a number",
            K::Bool => "a boolean",
            K::Identifier => "a name",
            K::Capitalized => "a capitalized name",
            K::Unknown => "text that means nothing here",
            other => other.spelling().unwrap_or("this"),
        }
    }

    /// The text of a token that always has the same, between backticks.
    pub(crate) fn spelling(self) -> Option<&'static str> {
        Some(match self {
            K::OpenBrace => "`{`",
            K::CloseBrace => "`}`",
            K::OpenParen => "`(`",
            K::CloseParen => "`)`",
            K::OpenBracket => "`[`",
            K::CloseBracket => "`]`",
            K::Elvis => "`?:`",
            K::Except => "`<|>`",
            K::Rocket => "`=>`",
            K::Arrow => "`->`",
            K::Comma => "`,`",
            K::Colon => "`:`",
            K::Semicolon => "`;`",
            K::Dot => "`.`",
            K::Dollar => "`$`",
            K::Equals => "`=`",
            K::Plus => "`+`",
            K::Minus => "`-`",
            K::Star => "`*`",
            K::Slash => "`/`",
            K::Percent => "`%`",
            K::EqualsEquals => "`==`",
            K::NotEquals => "`!=`",
            K::Less => "`<`",
            K::Greater => "`>`",
            K::LessEquals => "`<=`",
            K::GreaterEquals => "`>=`",
            K::IfWord => "`if`",
            K::ElseWord => "`else`",
            K::ForWord => "`for`",
            K::ForkvWord => "`forkv`",
            K::InWord => "`in`",
            K::AndWord => "`and`",
            K::OrWord => "`or`",
            K::NotWord => "`not`",
            K::BoolWord => "`bool`",
            K::StrWord => "`str`",
            K::IntWord => "`int`",
            K::FloatWord => "`float`",
            K::MapWord => "`map`",
            K::StructWord => "`struct`",
            K::FuncWord => "`func`",
            K::VariantWord => "`variant`",
            K::ClassWord => "`class`",
            K::IncludeWord => "`include`",
            K::ImportWord => "`import`",
            K::AsWord => "`as`",
            K::CollectWord => "`collect`",
            K::PanicWord => "`panic`",
            _ => return None,
        })
    }
}

/// The language, for the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mcl {}

impl rowan::Language for Mcl {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        KINDS[usize::from(raw.0)]
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

// Hands KQL queries to Microsoft's language service and says what it makes of them.
//
// Standard input: {"tables": {table: {column: type}}, "queries": {name: text}}.
// Standard output: {name: {"faults": ["code: message, at line N"], "columns": [name], "names": [name]}}, where `columns` are what
// the query returns and `names` those that it makes up itself (extend, summarize, let) and that KQL uses as words of its own.
"use strict";

require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { GlobalState, KustoCode, Symbols, Syntax } = globalThis.Kusto.Language;
const TYPES = {
  bool: Symbols.ScalarTypes.Bool,
  datetime: Symbols.ScalarTypes.DateTime,
  dynamic: Symbols.ScalarTypes.Dynamic,
  int: Symbols.ScalarTypes.Int,
  real: Symbols.ScalarTypes.Real,
  string: Symbols.ScalarTypes.String,
};

function table(name, columns) {
  const symbols = Object.entries(columns).map(([column, type]) => new Symbols.ColumnSymbol(column, TYPES[type]));
  return new Symbols.TableSymbol.$ctor4(name, symbols);
}

function items(list) {
  return list ? Array.from({ length: list.Count }, (_, index) => list.getItem(index)) : [];
}

function isKeyword(text) {
  const kind = { v: null };
  return Syntax.SyntaxFacts.TryGetKind(text, kind) && Syntax.SyntaxFacts.IsKeyword(kind.v);
}

function declaredKeywords(code) {
  const found = [];
  Syntax.SyntaxElement.WalkNodes(code.Syntax, (node) => {
    const declares = node instanceof Syntax.NameDeclaration;
    if (declares && isKeyword(node.SimpleName)) found.push(node.SimpleName);
  });
  return found;
}

function check(query, globals) {
  const code = KustoCode.ParseAndAnalyze(query, globals);
  return {
    faults: items(code.GetDiagnostics()).map((fault) => {
      const line = query.slice(0, fault.Start).split("\n").length;
      return `${fault.Code}: ${fault.Message} At line ${line}.`;
    }),
    columns: items(code.ResultType && code.ResultType.Columns).map((column) => column.Name),
    names: declaredKeywords(code),
  };
}

const input = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const tables = Object.entries(input.tables).map(([name, columns]) => table(name, columns));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1("insights", tables));
const answers = Object.entries(input.queries).map(([name, query]) => [name, check(query, globals)]);
process.stdout.write(JSON.stringify(Object.fromEntries(answers)));

// Python exceptions while a row is evaluated. They are values, not defects: a row that raises one does not match.

/** Every exception class of the language and the class it derives from. */
const parents: Readonly<Record<string, string>> = Object.fromEntries(
  (
    "Exception:BaseException GeneratorExit:BaseException KeyboardInterrupt:BaseException SystemExit:BaseException " +
    "ArithmeticError:Exception FloatingPointError:ArithmeticError OverflowError:ArithmeticError " +
    "ZeroDivisionError:ArithmeticError AssertionError:Exception AttributeError:Exception BufferError:Exception " +
    "EOFError:Exception ImportError:Exception LookupError:Exception IndexError:LookupError KeyError:LookupError " +
    "MemoryError:Exception NameError:Exception UnboundLocalError:NameError OSError:Exception EnvironmentError:OSError " +
    "IOError:OSError ReferenceError:Exception RuntimeError:Exception NotImplementedError:RuntimeError " +
    "RecursionError:RuntimeError StopIteration:Exception SyntaxError:Exception IndentationError:SyntaxError " +
    "TabError:IndentationError SystemError:Exception TypeError:Exception ValueError:Exception UnicodeError:ValueError " +
    "UnicodeDecodeError:UnicodeError UnicodeEncodeError:UnicodeError UnicodeTranslateError:UnicodeError " +
    "Warning:Exception BytesWarning:Warning DeprecationWarning:Warning FutureWarning:Warning ImportWarning:Warning " +
    "PendingDeprecationWarning:Warning RuntimeWarning:Warning SyntaxWarning:Warning UnicodeWarning:Warning " +
    "UserWarning:Warning"
  )
    .split(" ")
    .map((entry) => entry.split(":") as [string, string]),
);

export const exceptionParents: ReadonlyMap<string, string> = new Map(Object.entries(parents));

/**
 * A raised Python exception. Not an `Error`: rows raise by the thousand, and collecting a stack for each would cost more
 * than the query.
 */
export class PyException {
  readonly type: string;
  readonly message: string;

  constructor(type: string, message: string) {
    this.type = type;
    this.message = message;
  }
}

export function raise(type: string, message: string): never {
  throw new PyException(type, message);
}

export function typeError(message: string): never {
  throw new PyException("TypeError", message);
}

export function valueError(message: string): never {
  throw new PyException("ValueError", message);
}

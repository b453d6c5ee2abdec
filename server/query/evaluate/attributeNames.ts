// Names of attributes and methods that plain Python values have. A dotted access by such a name may be a method of the value
// rather than a deeper parameter.

export const textMethodNames =
  "capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill".split(
    " ",
  );

const others =
  "append extend insert remove pop clear sort reverse copy real imag numerator denominator bit_length bit_count conjugate is_integer as_integer_ratio hex fromhex to_bytes from_bytes decode".split(
    " ",
  );

export const scalarAttributes: ReadonlySet<string> = new Set([...textMethodNames, ...others]);

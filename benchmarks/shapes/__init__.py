"""Work of extreme shapes: very wide, very long, very many that wait, very much at once."""

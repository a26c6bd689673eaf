"""The EWS face: SOAP requests and answers over the store, written from Microsoft's reference pages."""
